"""The weights of the best validation so far, beside the checkpoints of the training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import keras
import tensorflow as tf

from components.trainer.damaged import why_unreadable
from components.trainer.files import keep_checkpoints, whole_checkpoint
from components.trainer.options import BestBy


def best_step(history: Sequence[dict[str, float]], by: BestBy = "loss") -> int | None:
    """The step of the row with the best finite validation, the first of equals; None without any.

    The best is the lowest loss, or the highest of the metrics.
    """
    key, sign = f"eval_{by}", 1 if by == "loss" else -1
    rows = [row for row in history if math.isfinite(row.get(key, math.nan))]
    return int(min(rows, key=lambda row: sign * row[key])["step"]) if rows else None


def gained_nothing(history: Sequence[dict[str, float]], patience: int | None, by: BestBy = "loss") -> bool:
    """Whether the last `patience` validations brought nothing better than the one before; never for None."""
    best = best_step(history, by) or 0
    return (
        patience is not None and sum("eval_loss" in row and row["step"] > best for row in history) >= patience
    )


class BestWeights:
    """Files under `directory`, one set for each step worth keeping.

    Which of them is the best follows from the training's history alone, so a history that is cut back by a
    resume finds the file that was the best then: it is kept until a checkpoint knows of a better one.
    """

    def __init__(self, directory: Path, variables: Sequence[keras.Variable]) -> None:
        self._directory = directory
        self._checkpoint = tf.train.Checkpoint(model=[variable.value for variable in variables])

    def save(self, step: int) -> None:
        """Writes the variables' present values as those of `step`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        with whole_checkpoint(self._prefix(step)):
            self._checkpoint.write(str(self._prefix(step)))

    def damage(self, step: int) -> str | None:
        """Why the values of `step` can't be read; None if they can."""
        return why_unreadable(self._prefix(step))

    def load(self, step: int) -> None:
        """Gives the variables their values of `step`."""
        self._checkpoint.read(str(self._prefix(step))).assert_consumed()

    def keep_only(self, *steps: int | None) -> None:
        """Removes the files of all other steps."""
        keep_checkpoints(self._directory, {f"step-{step}" for step in steps})

    def _prefix(self, step: int) -> Path:
        return self._directory / f"step-{step}"
