"""What keras.Model.fit needs where several machines share a training, and what keeps them in step."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from components.trainer.end_request import EndRequest
from components.trainer.trainable import Batch, DetectorTrainer
from components.trainer.workers import Workers


class SharedTrainer(DetectorTrainer):
    """A DetectorTrainer for `fit` on this machine's share of the data, under MultiWorkerMirroredStrategy."""

    def fit(self, batches: tf.data.Dataset, **settings: Any) -> Any:
        """As Keras's own; `batches` has a batch for each replica of this machine, one after the other.

        Keras would read everything on every machine, and leave out what belongs to the others.
        """
        shared = self.distribute_strategy.distribute_datasets_from_function(lambda _: batches)
        return super().fit(shared, **settings)

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Batch) -> dict[str, tf.Tensor]:
        """As DetectorTrainer's, which gives the same on all machines.

        Keras takes the mean of each value over the machines along its first axis, which a scalar has not.
        """
        return {name: value[tf.newaxis] for name, value in super().train_step(data).items()}

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Nothing: the detector is built. Keras would fail to take the mean of a batch over the machines."""


def variables_of(trainer: DetectorTrainer) -> list[keras.Variable]:
    """All that a training changes: the detector's variables, the optimizer's, and the moving averages."""
    averages = trainer.averages.averages if trainer.averages else []
    return [*trainer.detector.variables, *trainer.optimizer.variables, *averages]


class Agreement(keras.callbacks.Callback):
    """After each step the machines agree whether to go on.

    It comes after what may end the training, and before what saves it.

    Args:
      workers: the machines.
      end: whether this process is asked to end; afterwards, whether any of them is.
    """

    def __init__(self, workers: Workers, end: EndRequest) -> None:
        super().__init__()
        self._workers = workers
        self._end = end

    def on_train_batch_end(self, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        """Takes over what any machine wishes."""
        self._end.asked, self.model.stop_training = self._workers.agree(
            self._end.asked, self.model.stop_training
        )
