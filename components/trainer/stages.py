"""Staged unfreezing: which variables train from which step on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from components.trainer.job import TrainingJob
from components.trainer.rates import blocks_of, first_steps
from components.trainer.trainable import DetectorTrainer


@dataclass(frozen=True)
class Stage:
    """Steps that train the same variables; `end` is the number of steps done after it."""

    end: int
    trained: Sequence[keras.Variable]


def build_stages(job: TrainingJob, trainer: DetectorTrainer) -> list[Stage]:
    """The stages of `job`, in order; the last ends with the training.

    Call it while `trainer` trains all that its optimizer was built for. The stages follow from the settings
    alone, so a resumed training finds the one it was in by its step. A stage that a shorter trial of the
    settings does not reach is left out.

    Raises:
      BadInput: `unfreeze` contradicts itself or the model.
    """
    by_block = blocks_of(trainer.detector, trainer.trained)
    starts = first_steps(job.options, by_block)
    first_step_of = {
        variable.path: starts.get(block, 0) for block, variables in by_block.items() for variable in variables
    }
    boundaries = sorted({0, *starts.values()})
    ends = [*boundaries[1:], job.steps]
    return [
        Stage(min(end, job.steps), [v for v in trainer.trained if first_step_of[v.path] <= start])
        for start, end in zip(boundaries, ends, strict=True)
        if start < job.steps
    ]
