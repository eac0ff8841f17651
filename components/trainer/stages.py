"""Staged unfreezing: which variables train from which step on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from components.trainer.job import TrainingJob
from components.trainer.trainable import DetectorTrainer


@dataclass(frozen=True)
class Stage:
    """Steps that train the same variables; `end` is the number of steps done after it."""

    end: int
    trained: Sequence[keras.Variable]


def build_stages(job: TrainingJob, trainer: DetectorTrainer) -> list[Stage]:
    """The stages of `job`, in order; the last ends with the training."""
    return [Stage(job.steps, trainer.trained)]
