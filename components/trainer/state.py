"""What a training needs to go on after it was killed: weights, their averages, optimizer, step, history."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import keras
import tensorflow as tf

from components.trainer.averages import MovingAverages
from components.trainer.best import BestWeights, best_step
from components.trainer.files import whole_checkpoint
from detection.config.text_files import write_text
from detection.errors import Failed

_CHECKPOINTS_KEPT = 2

HistoryRow = dict[str, float]


class TrainingState:
    """Checkpoints of one training under `directory`, the last two of them.

    The position in the data needs no state: it follows from seed and step. Dropout masks (in configs with
    use_dropout) are drawn anew after a resume; all else goes on as if nothing had happened.

    Args:
      directory: where to save; what is there is used only if it was saved under the same `identity`.
      model: the detector.
      optimizer: built, its `iterations` is the step.
      identity: digest of everything that decides the result.
      averages: of the trained variables, if they are to be exported.
      keep_best: whether the weights of the evaluation with the lowest loss are kept too.
    """

    def __init__(
        self,
        directory: Path,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        identity: str,
        *,
        averages: MovingAverages | None = None,
        keep_best: bool = False,
    ) -> None:
        self._directory = directory
        self._optimizer = optimizer
        self.history: list[HistoryRow] = []
        self._averages = averages
        self._best = BestWeights(directory / "best", model.variables) if keep_best else None
        self._best_of_checkpoint: int | None = None
        self._open(identity)
        checkpoint = tf.train.Checkpoint(
            model=[variable.value for variable in model.variables],
            optimizer=[variable.value for variable in optimizer.variables],
            averages=[average.value for average in averages.averages] if averages else [],
        )
        self._manager = tf.train.CheckpointManager(
            checkpoint, str(directory / "checkpoints"), max_to_keep=_CHECKPOINTS_KEPT, checkpoint_name="step"
        )

    @property
    def step(self) -> int:
        """Number of updates done."""
        return int(self._optimizer.iterations)

    def restore(self) -> int | None:
        """Loads the last checkpoint; returns its step, or None when there is none."""
        if not self._manager.latest_checkpoint:
            return None
        self._manager.checkpoint.restore(self._manager.latest_checkpoint).assert_consumed()
        rows = json.loads(self._history_file.read_text())
        self.history = [row for row in rows if row["step"] <= self.step]
        self._checkpoint_written()
        return self.step

    def save(self) -> None:
        """Saves model, optimizer, step and history; a kill at any point leaves the one before usable."""
        # History first: rows beyond the checkpoint's step are dropped by restore, missing ones would be lost.
        write_text(json.dumps(self.history), self._history_file)
        with whole_checkpoint(self._directory / "checkpoints" / f"step-{self.step}"):
            self._manager.save(checkpoint_number=self.step)
        self._checkpoint_written()

    def save_best(self) -> None:
        """Saves what would be exported of this step if the history's last row, an evaluation, is the best."""
        if self._best and best_step(self.history) == self.step:
            with self._averages.in_place() if self._averages else nullcontext():
                self._best.save(self.step)
            self._best.keep_only(self.step, self._best_of_checkpoint)

    def load_exported(self) -> int:
        """Gives the model, for good, the weights to export, averages where they are kept; returns their step.

        The best evaluation's where they are kept and an evaluation gave a number, else the present ones.
        """
        best = best_step(self.history)
        if self._best and best is not None:
            self._best.load(best)
            return best
        if self._averages:
            self._averages.swap()
        return self.step

    def _checkpoint_written(self) -> None:
        self._best_of_checkpoint = best_step(self.history)
        if self._best:
            self._best.keep_only(self._best_of_checkpoint)

    @property
    def _history_file(self) -> Path:
        return self._directory / "history.json"

    def _open(self, identity: str) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        identity_file = self._directory / "identity"
        if identity_file.exists() and identity_file.read_text() == identity:
            return
        for name in ("checkpoints", "best"):
            shutil.rmtree(self._directory / name, ignore_errors=True)
        self._history_file.unlink(missing_ok=True)
        write_text(identity, identity_file)


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
