"""Rows of the history, curves and progress of a training; its validations and its early stop."""

from __future__ import annotations

import math
import time

import keras
import tensorflow as tf

from components.trainer.best import best_step, gained_nothing
from components.trainer.board import Board
from components.trainer.end_request import EndRequest
from components.trainer.options import TrainOptions
from components.trainer.progress import Pace, ProgressLines
from components.trainer.state import TrainingState
from components.trainer.validation import Validation

_MAX_HISTORY_ROWS = 200

Logs = dict[str, tf.Tensor]


class Reporter(keras.callbacks.Callback):
    """Adds mean values to history and TensorBoard, validates, ends a training that gains nothing.

    Args:
      state: holds step and history.
      total_steps: where the training ends.
      options: when to validate, and when to end.
      board: gets every row and the pictures of validations.
      pace: counts steps and validations.
      lines: is told what happens.
      end: whether the process is asked to end; a validation is given up then, and a resume makes up for it.
      validation: what is run every `eval_every_steps` and at the last step; None: nothing.
    """

    def __init__(
        self,
        state: TrainingState,
        total_steps: int,
        options: TrainOptions,
        board: Board,
        pace: Pace,
        lines: ProgressLines,
        end: EndRequest,
        validation: Validation | None,
    ) -> None:
        super().__init__()
        self._state = state
        self._total_steps = total_steps
        self._options = options
        self._board = board
        self._pace = pace
        self._lines = lines
        self._end = end
        self._validation = validation
        self._interval = math.ceil(total_steps / _MAX_HISTORY_ROWS)

    def catch_up(self) -> None:
        """Writes the rows before a resume to TensorBoard, and validates if an end had come before that."""
        history = self._state.history
        for row in history:
            self._board.write(int(row["step"]), _curves(row))
        if history and history[-1]["step"] == self._state.step and self._due():
            self._validate()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Collects the step's values; every interval a row, at its time a validation."""
        step = self._state.step
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._pace.step_done()
        self._lines.step_done(step, values)
        sums = self._state.unreported
        for name, value in {**values, "steps": 1.0}.items():
            sums[name] = sums.get(name, 0.0) + value
        if not (self._due() or step == self._total_steps or step % self._interval == 0):
            return
        count = sums.pop("steps")
        row = {"step": step} | {name: total / count for name, total in sums.items()}
        row["learning_rate"] = values["learning_rate"]
        sums.clear()
        self._state.history.append(row)
        self._board.write(step, _curves(row) | {"images_per_second": self._pace.images_per_second})
        if self._due():
            self._validate()
        if step < self._total_steps and self.gained_nothing():
            self.model.stop_training = True

    def gained_nothing(self) -> bool:
        """Whether the training ends early here."""
        options = self._options
        return gained_nothing(self._state.history, options.stop_after_evals_without_gain, options.best_by)

    def _due(self) -> bool:
        """Whether this step has a validation, which its row does not have yet."""
        step, every = self._state.step, self._options.eval_every_steps
        if self._validation is None or not every:
            return False
        history = self._state.history
        done = bool(history) and history[-1]["step"] == step and "eval_loss" in history[-1]
        return not done and (step == self._total_steps or step % every == 0)

    def _validate(self) -> None:
        assert self._validation is not None
        step, started = self._state.step, time.monotonic()
        self._lines.doing("the validation")
        result = self._validation.run(lambda: self._end.asked)
        if result is None:
            return
        self._state.history[-1] |= result.values
        self._board.write(step, result.values)
        self._board.show_validation(step, result)
        self._state.save_best()
        self._pace.validation_done(time.monotonic() - started)
        self._lines.evaluated(step, result.values)
        if self.gained_nothing() and step < self._total_steps:
            print(
                f"stopped early: no better {self._options.best_by} in"
                f" {self._options.stop_after_evals_without_gain} validations,"
                f" the best was at step {best_step(self._state.history, self._options.best_by)}",
                flush=True,
            )


def _curves(row: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in row.items() if name != "step"}
