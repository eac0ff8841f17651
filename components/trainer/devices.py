"""What computes a training: the processor, or GPUs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

import tensorflow as tf

from components.trainer.options import TrainOptions
from detection.detector import Detector


@dataclass(frozen=True)
class Devices:
    """Where a training runs.

    Attributes:
      strategy: TensorFlow's own, for one replica or several.
      description: in words, for people.
    """

    strategy: tf.distribute.Strategy
    description: str
    jit_compile: bool

    def scope(self) -> AbstractContextManager[None]:
        """Variables are made in it."""
        return self.strategy.scope()

    def compiles(self, detector: Detector) -> bool:
        """Whether XLA compiles the training step of `detector`."""
        return self.jit_compile and detector.supports_jit


def select_devices(options: TrainOptions) -> Devices:
    """The devices that `options` ask for and the machine has."""
    return Devices(tf.distribute.get_strategy(), "CPU", bool(options.jit_compile))
