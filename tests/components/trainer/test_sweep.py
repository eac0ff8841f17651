"""What a sweep tries, what it makes of failures, and that a retry repeats nothing."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from components.trainer.devices import select_devices
from components.trainer.job import TrainingJob
from components.trainer.options import SweepOptions, TrainOptions
from components.trainer.sweep import DrawnOracle, SweepTuner, describe, lists_of, run_sweep
from detection.errors import BadInput, Failed

if TYPE_CHECKING:
    from conftest import Training

FOUR = SweepOptions(trials=4, steps=2, learning_rate=[0.1, 0.2, 0.2], optimizer=["adam", "momentum"])


def test_every_combination_is_drawn_once_by_the_seed() -> None:
    lists = lists_of(FOUR, ())
    assert lists == {"learning_rate": [0.1, 0.2], "optimizer": ["adam", "momentum"]}
    assert lists_of(FOUR, ["learning_rate", "steps"]) == {"optimizer": ["adam", "momentum"]}
    drawn = DrawnOracle(lists, trials=9, seed=3).drawn
    assert sorted(tuple(each.values()) for each in drawn) == sorted(itertools.product(*lists.values()))
    assert DrawnOracle(lists, trials=9, seed=3).drawn == drawn
    assert DrawnOracle(lists, trials=2, seed=3).drawn == drawn[:2]
    assert any(DrawnOracle(lists, trials=9, seed=seed).drawn != drawn for seed in (0, 1))


def test_lists_that_make_no_sweep() -> None:
    with pytest.raises(ValidationError, match="a list of values to try is missing"):
        SweepOptions(trials=3)
    with pytest.raises(ValidationError, match="batch_size must be a multiple of accumulate"):
        TrainOptions(accumulate=4, sweep=SweepOptions(batch_size=[8, 6]))


def test_a_sweep_without_validation_is_bad_input(training: Training, tmp_path: Path) -> None:
    options = TrainOptions(sweep=FOUR)
    job = training.job(tmp_path, options)
    job = replace(job, paths=replace(job.paths, eval_files=[]))
    with pytest.raises(BadInput, match="no validation to compare") as error:
        run_sweep(job, FOUR, select_devices(options))
    assert error.value.where == "train.sweep"


@pytest.mark.slow
def test_a_trial_that_does_not_train_says_why(training: Training, tmp_path: Path) -> None:
    sweep = SweepOptions(trials=2, steps=3, learning_rate=[0.003, 1e30])
    options = TrainOptions(sweep=sweep)
    found = run_sweep(training.job(tmp_path, options), sweep, select_devices(options))
    by_rate = {trial.settings["learning_rate"]: trial for trial in found.trials}
    assert set(by_rate) == {0.003, 1e30}
    assert by_rate[0.003].loss is not None and 0.1 < by_rate[0.003].loss < 100.0
    assert by_rate[1e30].loss is None
    assert by_rate[1e30].why.startswith(("the loss is", "the gradient norm is"))
    assert found.best == found.trials.index(by_rate[0.003]) and found.applied
    assert describe(by_rate[1e30]) == f"learning_rate 1e+30: {by_rate[1e30].why}"
    assert len(json.loads((tmp_path / "work" / "sweep.json").read_text())["trials"]) == 2


def test_a_retry_repeats_no_trial(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TrainOptions(sweep=FOUR)
    job, devices = training.job(tmp_path, options), select_devices(options)
    tried: list[tuple[float, str]] = []

    def loss(self: SweepTuner, trial: TrainingJob) -> float:
        settings = (trial.options.learning_rate or 0.0, trial.options.optimizer)
        assert trial.steps == 2
        tried.append(settings)
        if len(tried) == 3:
            raise Failed("the disk is full", "work", "make room")
        if settings[1] == "adam":
            raise BadInput("it does not fit", "train.optimizer", "take another")
        return settings[0] * 10

    monkeypatch.setattr(SweepTuner, "_validation_loss", loss)
    with pytest.raises(Failed, match="the disk is full"):
        run_sweep(job, FOUR, devices)
    sweep = run_sweep(job, FOUR, devices)
    assert len(tried) == 5 and tried[2] == tried[3] and len(set(tried)) == 4
    order = [tuple(trial.settings.values()) for trial in sweep.trials]
    assert order == [*tried[:3], tried[4]]
    assert [trial.why for trial in sweep.trials if trial.loss is None] == ["it does not fit"] * 2
    assert sweep.best is not None and sweep.trials[sweep.best].settings == {
        "learning_rate": 0.1,
        "optimizer": "momentum",
    }
    assert run_sweep(job, FOUR, devices) == sweep and len(tried) == 5
    # another training's trials count for nothing
    run_sweep(job.with_options(options.model_copy(update={"seed": 4})), FOUR, devices)
    assert len(tried) == 9


def test_a_sweep_of_failures_has_no_best(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loss(self: SweepTuner, trial: TrainingJob) -> float:
        raise BadInput("it does not fit", "train", "-")

    monkeypatch.setattr(SweepTuner, "_validation_loss", loss)
    options = TrainOptions(sweep=FOUR)
    sweep = run_sweep(training.job(tmp_path, options), FOUR, select_devices(options))
    assert sweep.best is None and not sweep.applied and len(sweep.trials) == 4
    assert {trial.why for trial in sweep.trials} == {"it does not fit"}
