"""Moving averages of the trained variables, as TF1's MovingAverageOptimizer keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import keras
import tensorflow as tf
from google.protobuf.message import Message


class MovingAverages:
    """tf.compat.v1.train.ExponentialMovingAverage of `variables`, each beginning at the variable's value.

    The OD API passes no `num_updates`, so the decay is the same at every step. Keras's own `use_ema` takes
    the first step's value whole, which TF1 does not.

    Args:
      variables: the trained variables, with the values that training starts from.
      decay: share of the average that a step leaves.
    """

    def __init__(self, variables: Sequence[keras.Variable], decay: float) -> None:
        self.variables = list(variables)
        self.decay = decay
        self.averages = [
            # not of variable.value, which Keras would take over instead of copying it
            keras.Variable(tf.identity(variable.value), dtype=variable.dtype, trainable=False, name="average")
            for variable in variables
        ]

    def update(self) -> None:
        """average -= (1 - decay) * (average - variable), after each update of the variables."""
        for average, variable in zip(self.averages, self.variables, strict=True):
            average.value.assign_sub((average.value - variable.value) * (1.0 - self.decay))

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The variables hold their averages, and get their own values back at the end."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Exchanges the variables' values and their averages."""
        for average, variable in zip(self.averages, self.variables, strict=True):
            value = tf.identity(variable.value)
            variable.assign(average.value)
            average.assign(value)


def build_averages(config: Message, variables: Sequence[keras.Variable]) -> MovingAverages | None:
    """The averages that `config`, a TrainEvalPipelineConfig, wants exported; None if it wants none.

    TF1 keeps averages where train_config's optimizer has use_moving_average (the default), and its exporter
    and its evaluation take them where eval_config has use_moving_averages. Where only the first holds, nobody
    would read them.
    """
    optimizer = config.train_config.optimizer
    if not (optimizer.use_moving_average and config.eval_config.use_moving_averages):
        return None
    return MovingAverages(variables, optimizer.moving_average_decay)
