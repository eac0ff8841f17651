"""Writes the checkpoints of a training when it is time."""

from __future__ import annotations

import time

import keras
import tensorflow as tf

from components.trainer.end_request import AskedToEnd, EndRequest
from components.trainer.state import TrainingState

Logs = dict[str, tf.Tensor]


class Saver(keras.callbacks.Callback):
    """Saves the state by steps and by minutes, at the end, and when the process is asked to end.

    It comes last of all callbacks, so that a checkpoint includes the step's row of the history.

    Args:
      state: what is saved.
      total_steps: where the training ends.
      end: whether the process is asked to end.
      every_steps: steps between two checkpoints.
      every_minutes: the same in time; None: only steps count.
    """

    def __init__(
        self,
        state: TrainingState,
        total_steps: int,
        end: EndRequest,
        every_steps: int,
        every_minutes: float | None = None,
    ) -> None:
        super().__init__()
        self._state = state
        self._total_steps = total_steps
        self._end = end
        self._every_steps = every_steps
        self._every_seconds = 60.0 * every_minutes if every_minutes else float("inf")
        self._saved_at = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Saves if it is time.

        Raises:
          AskedToEnd: by SIGTERM; the state is saved.
        """
        step = self._state.step
        last = step == self._total_steps or self.model.stop_training
        waited = time.monotonic() - self._saved_at >= self._every_seconds
        if step % self._every_steps == 0 or waited or last or self._end.asked:
            self._state.save()
            self._saved_at = time.monotonic()
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raises AskedToEnd if the process was asked to end; the last checkpoint must be of this step."""
        if self._end.asked:
            raise AskedToEnd(
                f"the training was asked to end and saved step {self._state.step} of {self._total_steps}",
                "SIGTERM",
                "retry: the training goes on from there",
            )
