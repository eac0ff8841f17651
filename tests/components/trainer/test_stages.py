"""Blocks that start to train later: stages in order, nothing of a block moves before, and exact resumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest

from components.trainer.devices import select_devices
from components.trainer.options import TrainOptions, Unfreezing
from components.trainer.rates import blocks_of
from components.trainer.saver import Saver
from components.trainer.setup import build_trainer
from components.trainer.stages import build_stages
from components.trainer.trainable import DetectorTrainer
from detection.errors import BadInput, Failed

if TYPE_CHECKING:
    from conftest import Training

STAGED = TrainOptions(
    steps=7,
    optimizer="adam",
    learning_rate=0.001,
    checkpoint_every_steps=2,
    unfreeze=[
        Unfreezing(step=5, blocks=["backbone"]),
        Unfreezing(step=3, blocks=["feature_maps", "box_head"]),
    ],
)


def values(variables: list[keras.Variable]) -> list[np.ndarray]:
    return [variable.numpy() for variable in variables]


def are_equal(one: list[np.ndarray], other: list[np.ndarray]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_stages_follow_each_other_to_the_end(training: Training, tmp_path: Path) -> None:
    job = training.job(tmp_path, STAGED)
    trainer = build_trainer(job, select_devices(STAGED))
    everything = list(trainer.trained)

    def blocks(job: Any) -> list[tuple[int, list[str]]]:
        stages = build_stages(job, trainer)
        return [(stage.end, list(blocks_of(trainer.detector, stage.trained))) for stage in stages]

    all_blocks = ["backbone", "feature_maps", "box_head", "class_head"]
    assert blocks(job) == [(3, ["class_head"]), (5, all_blocks[1:]), (7, all_blocks)]
    assert [id(v) for v in build_stages(job, trainer)[-1].trained] == [id(v) for v in everything]
    # a trial of a sweep is shorter and reaches only what it reaches
    trial = job.with_options(STAGED.model_copy(update={"steps": 4}))
    assert blocks(trial) == [(3, ["class_head"]), (4, all_blocks[1:])]
    assert blocks(job.with_options(TrainOptions(steps=7))) == [(7, all_blocks)]


def test_nothing_of_a_block_moves_before_its_step(training: Training, tmp_path: Path) -> None:
    job = training.job(tmp_path, STAGED)
    trainer = build_trainer(job, select_devices(STAGED))
    backbone = blocks_of(trainer.detector, trainer.trained)["backbone"]
    paths = {variable.path for variable in backbone}
    at = [index for index, variable in enumerate(trainer.trained) if variable.path in paths]
    slots = [
        kind[index] for index in at for kind in (trainer.optimizer.means, trainer.optimizer.mean_squares)
    ]
    stages = build_stages(job, trainer)
    batch = next(iter(job.training_batches(trainer.detector)))
    before = values(backbone)

    trainer.train_only(stages[0].trained)
    _, gradients = trainer.compute_gradients(*batch)
    assert len(gradients) == len(blocks_of(trainer.detector, trainer.trained)["class_head"])
    trainer.train_step(batch)
    assert are_equal(values(backbone), before)
    assert not any(slot.any() for slot in values(slots))

    trainer.train_only(stages[-1].trained)
    trainer.train_step(batch)
    assert not any(np.array_equal(new, old) for new, old in zip(values(backbone), before, strict=True))


def test_a_block_that_would_start_after_the_end_is_bad_input(training: Training, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="would start to train after 5 steps, and there are 5") as error:
        training.job(tmp_path, STAGED.model_copy(update={"steps": 5}))
    assert error.value.where == "train.unfreeze" and error.value.fix == "give a step below 5"


@pytest.mark.slow
def test_killed_in_any_stage_it_ends_the_same(
    training: Training,
    tmp_path: Path,
    weights_of: Callable[[Path], dict[str, np.ndarray]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    two_stages = STAGED.model_copy(update={"steps": 6, "unfreeze": [Unfreezing(step=4, blocks=["backbone"])]})
    trained: list[int] = []
    original = Saver.on_train_batch_end

    def run(out: Path, kills: set[int]) -> None:
        def killed(self: Saver, batch: int, logs: Any = None) -> None:
            original(self, batch, logs)
            step = int(self.model.optimizer.iterations)
            trained.append(len(self.model.trained))
            if step in kills:
                kills.remove(step)
                raise KeyboardInterrupt

        monkeypatch.setattr(Saver, "on_train_batch_end", killed)
        while kills:
            with pytest.raises(KeyboardInterrupt):
                training.run(out, two_stages)
        result = training.run(out, two_stages)
        assert result.steps == 6 and [row["step"] for row in result.history] == list(range(1, 7))

    run(tmp_path / "whole", set())
    counts = list(trained)
    assert counts[:4] == [counts[0]] * 4 and counts[0] < counts[4] == counts[5]
    # resumed within the first stage, and where the second begins
    run(tmp_path / "killed", {3, 5})
    whole, resumed = weights_of(tmp_path / "whole"), weights_of(tmp_path / "killed")
    for name, value in resumed.items():
        np.testing.assert_allclose(value, whole[name], atol=1e-5, err_msg=name)
    start = weights_of(training.root / "converted")
    assert any(not np.array_equal(whole[name], start[name]) for name in whole if "MobilenetV1" in name)


def test_fit_goes_on_with_the_stage_that_the_step_is_in(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[tuple[int, int]] = []

    def fit(self: DetectorTrainer, *args: Any, steps_per_epoch: int, **settings: Any) -> None:
        fits.append((steps_per_epoch, len(self.trained)))
        self.optimizer.iterations.assign_add(steps_per_epoch)
        if int(self.optimizer.iterations) == STAGED.steps:
            raise Failed("only what fit is asked for is looked at", "tests", "-")

    monkeypatch.setattr(DetectorTrainer, "fit", fit)
    with pytest.raises(Failed, match="only what"):
        training.run(tmp_path, STAGED)
    assert [steps for steps, _ in fits] == [3, 2, 2]
    assert fits[0][1] < fits[1][1] < fits[2][1]
