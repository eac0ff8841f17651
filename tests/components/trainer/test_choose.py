"""What is found before the training becomes part of it, and a retry takes it again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from components.trainer import choose
from components.trainer.choose import choose_settings
from components.trainer.devices import select_devices
from components.trainer.job import TrainingJob
from components.trainer.options import SearchOptions, SweepOptions, TrainOptions
from components.trainer.results import LearningRateCurve, TrainingResult
from components.trainer.saver import Saver
from components.trainer.sweep import SweepTuner

if TYPE_CHECKING:
    from conftest import Training

SWEEP = SweepOptions(trials=2, steps=2, batch_size=[2, 4])


def curve(suggestion: float | None) -> LearningRateCurve:
    return LearningRateCurve(rates=[0.001, 0.5], losses=[3.0, 2.0], suggestion=suggestion, applied=False)


def test_without_both_the_job_stays_as_it_is(training: Training, tmp_path: Path) -> None:
    job = training.job(tmp_path, TrainOptions())
    choice = choose_settings(job, select_devices(job.options))
    assert choice.job is job and choice.search is None and choice.sweep is None
    assert not (tmp_path / "work").exists()


def test_search_and_sweep_are_used_and_a_retry_is_the_same_training(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []

    def search(*args: Any) -> LearningRateCurve:
        calls.append("search")
        return curve(0.05)

    def loss(self: SweepTuner, trial: TrainingJob) -> float:
        calls.append(f"batch {trial.batch_size}")
        assert trial.options.learning_rate == 0.05
        return 1.0 / trial.batch_size

    monkeypatch.setattr(choose, "search_learning_rate", search)
    monkeypatch.setattr(SweepTuner, "_validation_loss", loss)
    options = TrainOptions(lr_search=SearchOptions(apply=True), sweep=SWEEP)
    job = training.job(tmp_path, options)
    choice = choose_settings(job, select_devices(options))
    assert choice.search is not None and choice.search.applied
    assert (choice.job.options.learning_rate, choice.job.batch_size, choice.job.steps) == (0.05, 4, job.steps)
    assert sorted(calls) == ["batch 2", "batch 4", "search"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == (
        "learning rate search: 2 steps from 0.001 to 0.5, "
        "loss 3.000, lowest 2.000 at 0.5: suggests 0.05 (used)"
    )
    assert lines[-1] == "sweep: 2 trials, the best is batch_size 4: eval loss 0.250 (used)"
    assert len(lines) == 4

    again = choose_settings(job, select_devices(options))
    assert len(calls) == 3
    assert again == choice and again.job.identity() == choice.job.identity()


@pytest.mark.parametrize("suggestion", [None, 0.05])
def test_what_is_not_asked_for_is_only_recorded(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suggestion: float | None
) -> None:
    monkeypatch.setattr(choose, "search_learning_rate", lambda *args: curve(suggestion))
    monkeypatch.setattr(SweepTuner, "_validation_loss", lambda self, trial: 1.0)
    sweep = SWEEP.model_copy(update={"apply": False})
    job = training.job(tmp_path, TrainOptions(lr_search=SearchOptions(), sweep=sweep))
    choice = choose_settings(job, select_devices(job.options))
    assert choice.job is job
    assert choice.search == curve(suggestion)
    assert choice.sweep is not None and choice.sweep.best == 0 and not choice.sweep.applied


def test_what_the_trigger_set_stays(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(self: SweepTuner, trial: TrainingJob) -> float:
        raise AssertionError("there is nothing to try")

    monkeypatch.setattr(choose, "search_learning_rate", lambda *args: curve(0.05))
    monkeypatch.setattr(SweepTuner, "_validation_loss", refused)
    sweep = SweepOptions(learning_rate=[0.1, 0.2])
    options = TrainOptions(learning_rate=0.3, lr_search=SearchOptions(apply=True), sweep=sweep)
    job = replace(training.job(tmp_path, options), triggered=frozenset({"learning_rate"}))
    choice = choose_settings(job, select_devices(options))
    assert choice.job is job and choice.sweep is None
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("suggests 0.05 (not used: the trigger has set it)")
    assert second == "sweep: none, the run's trigger has set all that it would try"


@pytest.mark.slow
def test_a_killed_training_goes_on_with_what_was_found(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = SWEEP.model_copy(update={"learning_rate": [0.002]})
    options = TrainOptions(
        steps=4, checkpoint_every_steps=2, lr_search=SearchOptions(steps=10, max_rate=0.01), sweep=sweep
    )
    original = Saver.on_train_batch_end

    def killed(self: Saver, batch: int, logs: Any = None) -> None:
        original(self, batch, logs)
        if batch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Saver, "on_train_batch_end", killed)
        with pytest.raises(KeyboardInterrupt):
            training.run(tmp_path, options)
    assert capsys.readouterr().out.count("\nsweep ") == 2
    result = training.run(tmp_path, options)
    assert capsys.readouterr().out.count("\nsweep ") == 0
    assert (result.resumed_from, result.steps, result.learning_rate) == (2, 4, 0.002)
    assert result.search is not None and len(result.search.losses) == 10 and not result.search.applied
    assert result.sweep is not None and result.sweep.best is not None and result.sweep.applied
    assert result.batch_size == result.sweep.trials[result.sweep.best].settings["batch_size"]
    written = TrainingResult.model_validate_json((tmp_path / "training.json").read_text())
    assert (written.search, written.sweep) == (result.search, result.sweep)
