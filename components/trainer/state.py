"""What a training needs to go on after it was killed: weights, their averages, optimizer, step, history."""

from __future__ import annotations

import fcntl
import hashlib
import json
import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Literal

import keras
import tensorflow as tf

from components.trainer.averages import MovingAverages
from components.trainer.best import BestWeights, best_step
from components.trainer.damaged import drop_damaged
from components.trainer.files import keep_checkpoints, whole_checkpoint
from components.trainer.options import BestBy
from detection.config.text_files import write_text
from detection.errors import Failed

_IDENTITY = "identity"
_RELEASE = 1  # of what a checkpoint and its record consist of, their shapes apart

HistoryRow = dict[str, float]


class TrainingState:
    """The last checkpoints of one training under `directory`, and the weights of its best validation.

    The position in the data needs no state: it follows from seed and step. Dropout masks (in configs with
    use_dropout) are drawn anew after a resume; all else goes on as if nothing had happened.

    Args:
      directory: where to save; what is there is used only if it was saved under the same `identity`.
      model: the detector.
      optimizer: built, its `iterations` is the step.
      identity: digest of everything that decides the result.
      averages: of the trained variables, if they are to be exported.
      keep: which step's weights load_exported takes.
      best_by: what the best validation is measured by.
      checkpoints_kept: how many checkpoints stay on the disk.

    Attributes:
      history: a row for each reporting interval and each validation, by step.
      unreported: sum of each of the losses and other values of the steps since the last row; "steps" is
        their number.
    """

    def __init__(
        self,
        directory: Path,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        identity: str,
        *,
        averages: MovingAverages | None = None,
        keep: Literal["last", "best"] = "last",
        best_by: BestBy = "loss",
        checkpoints_kept: int = 2,
    ) -> None:
        self._directory = directory
        self._optimizer = optimizer
        self.history: list[HistoryRow] = []
        self.unreported: dict[str, float] = {}
        self._averages = averages
        self._keep = keep
        self._best_by = best_by
        self._best = BestWeights(directory / "best", model.variables)
        self._best_of_checkpoint: int | None = None
        self._lost: int | None = None  # a best step whose weights can't be read
        parts = {
            "model": [variable.value for variable in model.variables],
            "optimizer": [variable.value for variable in optimizer.variables],
            "averages": [average.value for average in averages.averages] if averages else [],
        }
        self._open(f"{identity} {_layout(parts)}")
        for name, why in drop_damaged(self._checkpoints):
            print(f"the checkpoint {name} can't be read and is left out: {why}", flush=True)
        checkpoint = tf.train.Checkpoint(**parts)
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(self._checkpoints), max_to_keep=checkpoints_kept, checkpoint_name="step"
        )

    @property
    def step(self) -> int:
        """Number of updates done."""
        return int(self._optimizer.iterations.numpy())  # a copy on each device has no int()

    @property
    def finite_history(self) -> list[HistoryRow]:
        """The history as a report can take it: values that are no number, or infinite, are left out."""
        return [{name: value for name, value in row.items() if math.isfinite(value)} for row in self.history]

    def restore(self) -> int | None:
        """Loads the last checkpoint; returns its step, or None when there is none."""
        self._tidy()
        if not self._manager.latest_checkpoint:
            return None
        self._restore_last()
        record = json.loads(self._record_file(self.step).read_text())
        self.history, self.unreported = record["history"], record["unreported"]
        self._note_lost()
        self._checkpoint_written()
        return self.step

    def save(self) -> None:
        """Saves model, optimizer, step and history; a kill at any point leaves the one before usable."""
        step = self.step
        with whole_checkpoint(self._checkpoints / f"step-{step}"):
            # The record first: the manager lists a checkpoint once all its files are there.
            write_text(
                json.dumps({"history": self.history, "unreported": self.unreported}), self._record_file(step)
            )
            self._manager.save(checkpoint_number=step)
        self._tidy()
        self._checkpoint_written()

    def save_best(self) -> None:
        """Saves what would be exported of this step if the history's last row, a validation, is the best."""
        if best_step(self.history, self._best_by) == self.step:
            with self._averages.in_place() if self._averages else nullcontext():
                self._best.save(self.step)
            self._best.keep_only(self.step, self._best_of_checkpoint)

    def load_last(self) -> int:
        """Gives the model, for good, the last checkpoint's weights as they are exported; returns its step.

        Those are the averages, where they are kept.
        """
        self._restore_last()
        if self._averages:
            for average, variable in zip(self._averages.averages, self._averages.variables, strict=True):
                variable.assign(average.value)
        return self.step

    def load_best(self) -> int | None:
        """Gives the model, for good, the best validation's weights as they are exported; returns its step.

        None, and nothing is changed, if no validation gave a number, or its weights are lost.
        """
        best = best_step(self.history, self._best_by)
        if best is None or best == self._lost:
            return None
        self._best.load(best)
        return best

    def load_exported(self) -> int:
        """load_best where the best is to be kept and there is one, else load_last; returns the step."""
        best = self.load_best() if self._keep == "best" else None
        return self.load_last() if best is None else best

    def _note_lost(self) -> None:
        best = best_step(self.history, self._best_by)
        damage = None if best is None else self._best.damage(best)
        if damage:
            self._lost = best
            print(f"the weights of the best validation, at step {best}, are lost: {damage}", flush=True)

    def _restore_last(self) -> None:
        self._manager.checkpoint.restore(self._manager.latest_checkpoint).assert_consumed()

    def _tidy(self) -> None:
        keep_checkpoints(self._checkpoints, {Path(prefix).name for prefix in self._manager.checkpoints})

    def _checkpoint_written(self) -> None:
        self._best_of_checkpoint = best_step(self.history, self._best_by)
        self._best.keep_only(self._best_of_checkpoint)

    @property
    def _checkpoints(self) -> Path:
        return self._directory / "checkpoints"

    def _record_file(self, step: int) -> Path:
        return self._checkpoints / f"step-{step}.json"

    def _open(self, identity: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        identity_file = self._directory / _IDENTITY
        if identity_file.exists() and identity_file.read_text() == identity:
            return
        if any((self._directory / "checkpoints").glob("*.index")):
            print(
                "the checkpoints here are another training's, or another release's: it starts over",
                flush=True,
            )
        for name in ("checkpoints", "best"):
            shutil.rmtree(self._directory / name, ignore_errors=True)
        write_text(identity, identity_file)


def _layout(parts: dict[str, list[tf.Variable]]) -> str:
    """Digest of what a checkpoint consists of: one of another layout can't be restored."""
    shapes = {name: [[v.dtype.name, v.shape.as_list()] for v in values] for name, values in parts.items()}
    return hashlib.sha256(json.dumps([_RELEASE, shapes], sort_keys=True).encode()).hexdigest()[:16]


def discard(directory: Path) -> None:
    """Removes a training's `directory`; if that is killed, the next training there starts over."""
    (directory / _IDENTITY).unlink(missing_ok=True)
    shutil.rmtree(directory)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Holds `directory` (created if needed) for this process; the system lets go of it on any death.

    Raises:
      Failed: another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failed(
                "another process is running this training",
                str(directory),
                "wait for it, or end it, and retry",
            ) from error
        yield
