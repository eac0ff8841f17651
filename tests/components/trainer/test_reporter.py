"""Rows, validations, early stop and checkpoints of a small model's training, and how they survive a stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer.board import Board
from components.trainer.end_request import EndRequest
from components.trainer.options import TrainOptions
from components.trainer.progress import Pace, ProgressLines
from components.trainer.reporter import Reporter
from components.trainer.saver import Saver
from components.trainer.state import TrainingState
from components.trainer.validation import Validation, ValidationResult
from detection.config.label_map import parse_label_map
from detection.errors import Failed

LABELS = parse_label_map("item { id: 1 name: 'red' }", "tests")


class Scripted(Validation):
    """Gives the losses that it was made with, one a run."""

    def __init__(self, *losses: float) -> None:
        self.losses = list(losses)

    def run(self, end_asked: Callable[[], bool] = lambda: False) -> ValidationResult | None:
        if end_asked():
            return None
        return ValidationResult({"eval_loss": self.losses.pop(0)}, [], [])


class Steps:
    """Steps of one variable's training, each with the loss it is told; everything around them is real."""

    def __init__(
        self, out: Path, total: int, options: TrainOptions | None = None, validation: Any = None
    ) -> None:
        self.model = keras.Sequential([keras.Input([1]), keras.layers.Dense(1)])
        self.optimizer = keras.optimizers.SGD(0.1)
        self.optimizer.build(self.model.trainable_variables)
        options = options or TrainOptions()
        self.state = TrainingState(out / "work", self.model, self.optimizer, "tests", best_by=options.best_by)
        self.state.restore()
        self.end = EndRequest()
        self.pace = Pace(8, total, options.eval_every_steps)
        self.lines = ProgressLines(self.pace, 8, total, self.state.step)
        board = Board(out / "logs", self.model, LABELS)  # type: ignore[arg-type]
        self.reporter = Reporter(
            self.state, total, options, board, self.pace, self.lines, self.end, validation
        )
        self.saver = Saver(
            self.state, total, self.end, options.checkpoint_every_steps, options.checkpoint_every_minutes
        )
        self.model.stop_training = False
        for callback in (self.reporter, self.saver):
            callback.set_model(self.model)

    def run(self, *losses: float) -> list[dict[str, float]]:
        for loss in losses:
            if self.model.stop_training:
                break
            self.optimizer.iterations.assign_add(1)
            logs = {"loss": tf.constant(loss), "learning_rate": tf.constant(0.5)}
            for callback in (self.reporter, self.saver):
                callback.on_train_batch_end(0, logs)
        return self.state.history


def test_a_row_is_the_mean_of_its_interval(tmp_path: Path) -> None:
    assert Steps(tmp_path, 400).run(1.0, 3.0, 2.0, 6.0) == [
        {"step": 2, "loss": 2.0, "learning_rate": 0.5},
        {"step": 4, "loss": 4.0, "learning_rate": 0.5},
    ]


def test_a_row_s_mean_survives_a_kill(tmp_path: Path) -> None:
    options = TrainOptions(checkpoint_every_steps=4)
    Steps(tmp_path, 600, options).run(1.0, 3.0, 2.0, 6.0)  # a row after 3 steps, then one that counts on
    resumed = Steps(tmp_path, 600, options)
    assert resumed.state.step == 4
    history = resumed.run(3.0, 0.0)
    assert [(row["step"], row["loss"]) for row in history] == [(3, 2.0), (6, 3.0)]


def test_the_last_step_always_has_a_row(tmp_path: Path) -> None:
    history = Steps(tmp_path, 401, TrainOptions(checkpoint_every_steps=1000)).run(*[1.0] * 401)
    assert len(history) <= 200 and history[-1]["step"] == 401


def test_validation_at_its_steps_and_the_last(tmp_path: Path) -> None:
    steps = Steps(tmp_path, 5, TrainOptions(eval_every_steps=2), Scripted(3.0, 2.0, 1.0))
    history = steps.run(*[1.0] * 5)
    assert [row.get("eval_loss") for row in history] == [None, 3.0, None, 2.0, 1.0]
    assert steps.pace.images_per_second > 0
    assert steps.state.load_best() == 5


def test_training_stops_after_validations_without_gain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = TrainOptions(eval_every_steps=2, stop_after_evals_without_gain=2)
    steps = Steps(tmp_path, 20, options, Scripted(5.0, 4.0, 4.0, 6.0, 1.0))
    history = steps.run(*[1.0] * 20)
    assert history[-1]["step"] == steps.state.step == 8 and steps.model.stop_training
    assert "stopped early: no better loss in 2 validations, the best was at step 4" in capsys.readouterr().out
    # saved although checkpoint_every_steps is far, and a resume knows that it has ended
    resumed = Steps(tmp_path, 20, options, Scripted())
    resumed.reporter.catch_up()
    assert resumed.state.step == 8 and resumed.reporter.gained_nothing()


def test_a_validation_given_up_for_the_end_is_made_up_for(tmp_path: Path) -> None:
    options = TrainOptions(eval_every_steps=2)
    steps = Steps(tmp_path, 4, options, Scripted(3.0))
    steps.run(1.0)
    steps.end.asked = True
    with pytest.raises(Failed, match="saved step 2 of 4"):
        steps.run(1.0)
    assert steps.state.history[-1] == {"step": 2, "loss": 1.0, "learning_rate": 0.5}

    resumed = Steps(tmp_path, 4, options, Scripted(3.0, 2.0))
    resumed.reporter.catch_up()
    assert resumed.state.history[-1] == {"step": 2, "loss": 1.0, "learning_rate": 0.5, "eval_loss": 3.0}
    assert resumed.state.load_best() == 2
    resumed.reporter.catch_up()  # not twice
    assert [row.get("eval_loss") for row in resumed.run(1.0, 1.0)] == [None, 3.0, None, 2.0]


def checkpoints(out: Path) -> set[str]:
    return {path.stem for path in (out / "work" / "checkpoints").glob("*.index")}


def test_checkpoints_come_by_steps_and_at_the_end(tmp_path: Path) -> None:
    options = TrainOptions(checkpoint_every_steps=3, checkpoint_every_minutes=None)
    steps = Steps(tmp_path, 8, options)
    steps.run(*[1.0] * 5)
    assert checkpoints(tmp_path) == {"step-3"}
    steps.run(*[1.0] * 3)
    assert checkpoints(tmp_path) == {"step-6", "step-8"}


def test_checkpoints_come_by_minutes_too(tmp_path: Path) -> None:
    options = TrainOptions(checkpoint_every_steps=1000, checkpoint_every_minutes=0.3 / 60)
    steps = Steps(tmp_path, 1000, options)
    steps.run(1.0)
    time.sleep(0.3)
    steps.run(1.0)
    assert "step-2" in checkpoints(tmp_path)


def test_a_request_to_end_saves_the_next_step(tmp_path: Path) -> None:
    steps = Steps(tmp_path, 10)
    steps.run(1.0, 2.0)
    steps.end.asked = True
    with pytest.raises(Failed, match="saved step 3 of 10") as error:
        steps.run(3.0)
    assert error.value.exit_code == 1 and checkpoints(tmp_path) == {"step-3"}
    weights = [np.array(variable) for variable in steps.model.variables]
    resumed = Steps(tmp_path, 10)
    assert resumed.state.step == 3 and [row["loss"] for row in resumed.state.history] == [1.0, 2.0, 3.0]
    for variable, value in zip(resumed.model.variables, weights, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
