"""Keras callbacks of the training: reports, evaluation losses, checkpoints, an orderly stop."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass
from types import FrameType

import keras
import tensorflow as tf

from components.trainer.averages import MovingAverages
from components.trainer.best import best_step, gained_nothing
from components.trainer.state import TrainingState
from detection.errors import Failed

_PRINT_EVERY_SECONDS = 5.0
_MAX_HISTORY_ROWS = 200

Logs = dict[str, tf.Tensor]


@dataclass(frozen=True)
class EvaluationLoss:
    """The losses on `dataset`, computed every `every_steps` and at the last step.

    They are those of the weights that would be exported: with `averages`, of the averages.
    """

    dataset: tf.data.Dataset
    every_steps: int
    averages: MovingAverages | None = None

    def compute(self, model: keras.Model) -> dict[str, float]:
        """Mean losses over the data set, names with the prefix eval_."""
        with self.averages.in_place() if self.averages else nullcontext():
            losses = model.evaluate(self.dataset, verbose=0, return_dict=True)
        return {f"eval_{name}": float(value) for name, value in losses.items()}


class Reporter(keras.callbacks.Callback):
    """Adds mean losses to history and TensorBoard, prints progress, ends a training that gains nothing.

    Args:
      state: holds step and history.
      total_steps: where the training ends.
      batch_size: images a step.
      writer: TensorBoard writer.
      evaluation: evaluation losses to report too.
      patience: evaluations in a row that may bring no lower loss before the training stops; None: any number.
    """

    def __init__(
        self,
        state: TrainingState,
        total_steps: int,
        batch_size: int,
        writer: tf.summary.SummaryWriter,
        evaluation: EvaluationLoss | None,
        patience: int | None = None,
    ) -> None:
        super().__init__()
        self._patience = patience
        self._evaluation = evaluation
        self._state = state
        self._total_steps = total_steps
        self._batch_size = batch_size
        self._writer = writer
        self._interval = math.ceil(total_steps / _MAX_HISTORY_ROWS)
        self._sums: dict[str, float] = {}
        self._count = 0
        self._first_step_done: tuple[int, float] | None = None
        self._last_step_at = 0.0
        self._printed = 0.0

    @property
    def images_per_second(self) -> float:
        """Images trained a second since the end of the first step, which builds the graph; 0 if unknown."""
        if self._first_step_done is None:
            return 0.0
        step, at = self._first_step_done
        steps = self._state.step - step
        return steps * self._batch_size / (self._last_step_at - at) if steps else 0.0

    def replay(self) -> None:
        """Writes the rows of an interrupted run again, so that TensorBoard shows the whole curve."""
        for row in self._state.history:
            self._write(row)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Collects the step's losses; every interval a row, every few seconds a line."""
        step = self._state.step
        values = {name: float(value) for name, value in (logs or {}).items()}
        self._last_step_at = time.monotonic()
        self._first_step_done = self._first_step_done or (step, self._last_step_at)
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        last = step == self._total_steps
        evaluated: dict[str, float] = {}
        if self._evaluation and (last or step % self._evaluation.every_steps == 0):
            evaluated = self._evaluation.compute(self.model)
        if evaluated or last or step % self._interval == 0:
            means = {name: total / self._count for name, total in self._sums.items()}
            row = {"step": step, **means, "learning_rate": values["learning_rate"], **evaluated}
            self._state.history.append(row)
            self._write(row)
            self._sums, self._count = {}, 0
        if evaluated:
            self._state.save_best()
            if not last and gained_nothing(self._state.history, self._patience):
                self.model.stop_training = True
        if evaluated or last or time.monotonic() - self._printed > _PRINT_EVERY_SECONDS:
            self._print(step, values | evaluated)
        if evaluated and self.model.stop_training:
            print(
                f"stopped early: no lower eval loss in {self._patience} evaluations,"
                f" the lowest was at step {best_step(self._state.history)}",
                flush=True,
            )

    def _write(self, row: dict[str, float]) -> None:
        with self._writer.as_default(step=int(row["step"])):
            for name, value in row.items():
                if name != "step":
                    tf.summary.scalar(name, value)
        self._writer.flush()

    def _print(self, step: int, values: dict[str, float]) -> None:
        self._printed = time.monotonic()
        rate = self.images_per_second
        eta = _clock((self._total_steps - step) * self._batch_size / rate) if rate else "?"
        evaluated = f" eval loss {values['eval_loss']:.3f}" if "eval_loss" in values else ""
        print(
            f"step {step}/{self._total_steps} loss {values['loss']:.3f}{evaluated}"
            f" lr {values['learning_rate']:.3g} {rate:.1f} img/s eta {eta}",
            flush=True,
        )


class Saver(keras.callbacks.Callback):
    """Saves the state every `every_steps`, at the end, and when the process is asked to end.

    Within `with saver:` SIGTERM no longer kills: the step in hand is finished and saved, then Failed is
    raised, so that a retry resumes there.
    """

    def __init__(self, state: TrainingState, every_steps: int, total_steps: int) -> None:
        super().__init__()
        self._state = state
        self._every_steps = every_steps
        self._total_steps = total_steps
        self._asked_to_end = False

    def __enter__(self) -> Saver:
        # Python allows signal handlers in the main thread only; elsewhere SIGTERM keeps its meaning.
        self._handles = threading.current_thread() is threading.main_thread()
        if self._handles:
            self._previous = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._handles:
            signal.signal(signal.SIGTERM, self._previous)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._asked_to_end = True
        print("SIGTERM: saving after this step", file=sys.stderr, flush=True)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves if it is time.

        Raises:
          Failed: the process was asked to end; the state is saved.
        """
        step = self._state.step
        last = step == self._total_steps or self.model.stop_training
        if step % self._every_steps == 0 or last or self._asked_to_end:
            self._state.save()
        if self._asked_to_end:
            raise Failed(
                f"the training was asked to end and saved step {step} of {self._total_steps}",
                "SIGTERM",
                "retry: the training goes on from there",
            )


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
