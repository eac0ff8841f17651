"""The same training in two processes, one of them interrupted, gives the same bits."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import tensorflow as tf

from components.trainer.determinism import deterministic_if_asked
from components.trainer.options import TrainOptions
from detection.errors import BadInput

if TYPE_CHECKING:
    from conftest import Training

REPOSITORY = Path(__file__).parents[3]
PROGRAM = """
import sys
from pathlib import Path
from components.trainer import fit
from components.trainer.job import TrainingPaths
from components.trainer.options import TrainOptions
from components.trainer.saver import Saver
from detection.config.pipeline_config import read_pipeline_config
root, out, stop_at = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
original = Saver.on_train_batch_end
def stopping(self, batch, logs=None):
    original(self, batch, logs)
    if self._state.step == stop_at:
        raise KeyboardInterrupt
Saver.on_train_batch_end = stopping
def run():
    fit.train(
        read_pipeline_config(root / "pipeline.config"),
        TrainingPaths(
            root / "converted", [root / "train.tfrecord.gz"], [], root / "label_map.pbtxt",
            out / "model", out / "work", out / "logs",
        ),
        TrainOptions(steps=4, checkpoint_every_steps=2, deterministic=True),
    )
try:
    run()
except KeyboardInterrupt:
    Saver.on_train_batch_end = original
    run()
"""


def train(training: Training, out: Path, stop_at: int = 0) -> str:
    """Digest of the weights that a process of its own ends with."""
    command = [sys.executable, "-c", PROGRAM, str(training.root), str(out), str(stop_at)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (stop_at > 0) == ("resuming at step 2/4" in done.stdout)
    reader = tf.train.load_checkpoint(str(out / "model" / "checkpoint" / "ckpt-1"))
    digest = hashlib.sha256()
    for name in sorted(reader.get_variable_to_shape_map()):
        if name.endswith("VARIABLE_VALUE"):
            digest.update(reader.get_tensor(name).tobytes())
    return digest.hexdigest()


@pytest.mark.slow
def test_two_processes_and_a_resumed_one_end_at_the_same_bits(training: Training, tmp_path: Path) -> None:
    first = train(training, tmp_path / "first")
    assert train(training, tmp_path / "second") == first
    assert train(training, tmp_path / "resumed", stop_at=3) == first


def test_an_operation_without_a_deterministic_form_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "A deterministic GPU implementation of DepthwiseConvBackpropFilter is not currently available."
    # The switch can't be taken back: the other tests of this process must not run under it.
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)

    def run(deterministic: bool) -> None:
        with deterministic_if_asked(TrainOptions(deterministic=deterministic)):
            raise tf.errors.UnimplementedError(None, None, text)

    with pytest.raises(BadInput, match="DepthwiseConvBackpropFilter") as error:
        run(True)
    assert error.value.where == "train.deterministic"
    with pytest.raises(tf.errors.UnimplementedError):
        run(False)
