"""Full disks and full memory, made for real, become one error that says what to change."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tensorflow as tf

from components.trainer.options import TrainOptions
from components.trainer.shortages import shortages_named
from components.trainer.trainable import DetectorTrainer
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput, Failed

if TYPE_CHECKING:
    from conftest import Training

CONFIG = parse_pipeline_config(
    "model { ssd { image_resizer { fixed_shape_resizer { height: 300 width: 320 } } } }", "tests"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4.5 MB: enough for one checkpoint of the tests' model, not for two."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4500k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can't be mounted here: that needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_keeps_the_checkpoint_before(
    training: Training, tmp_path: Path, small_disk: Path
) -> None:
    with pytest.raises(Failed, match="the disk is full") as error:
        training.run(tmp_path / "out", TrainOptions(checkpoint_every_steps=2), small_disk / "work")
    assert f"{small_disk / 'work'}: " in error.value.where and "MiB free" in error.value.where
    assert "goes on from its last checkpoint" in error.value.fix and error.value.exit_code == 1
    checkpoints = small_disk / "work" / "checkpoints"
    left = {file.name for file in checkpoints.iterdir()}
    assert left == {"checkpoint", "step-2.index", "step-2.json", "step-2.data-00000-of-00001"}
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    result = training.run(tmp_path / "out", TrainOptions(checkpoint_every_steps=2), small_disk / "work")
    assert (result.resumed_from, result.steps) == (2, 8)


def test_a_full_disk_is_known_by_tensorflow_and_by_python(tmp_path: Path) -> None:
    for write in (lambda: tf.io.write_file("/dev/full", "x" * 100_000), lambda: fill(Path("/dev/full"))):
        with (
            pytest.raises(Failed, match="the disk is full") as error,
            shortages_named(CONFIG, 8, (tmp_path / "a" / "b", tmp_path)),
        ):
            write()
        assert f"{tmp_path / 'a' / 'b'}: " in error.value.where


def fill(path: Path) -> None:
    path.write_text("x")


@pytest.mark.slow
def test_memory_that_is_too_small_says_what_to_change(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DetectorTrainer.compute_gradients

    def greedy(self: DetectorTrainer, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> Any:
        losses, gradients = original(self, images, groundtruth)
        # of a size that only the running step knows, so that it is not refused while the step is traced
        size = tf.cast(tf.shape(images)[0], tf.int64) * 2**40
        losses["loss"] += tf.reduce_sum(tf.random.uniform([size]))
        return losses, gradients

    monkeypatch.setattr(DetectorTrainer, "compute_gradients", greedy)
    with pytest.raises(BadInput, match=r"out of memory, for a tensor of shape \[4398046511104\]") as error:
        training.run(tmp_path)
    assert error.value.where == "training, on CPU:0" and error.value.exit_code == 78
    assert error.value.fix == (
        "set train.halve_batch to true, which computes a batch in parts; or set train.batch_size to 2 (it is "
        "4) and lower train.learning_rate with it, or make the images smaller, "
        "image_resizer { fixed_shape_resizer { height: 64 width: 64 } }"
    )


def test_a_batch_of_one_can_only_have_smaller_images() -> None:
    with pytest.raises(BadInput) as error, shortages_named(CONFIG, 1, ()):
        raise MemoryError
    assert error.value.what == "out of memory"
    assert error.value.fix.endswith("{ height: 300 width: 320 } }: they are computed one by one already")


@pytest.mark.parametrize(
    "problem", [OSError(2, "No such file"), tf.errors.NotFoundError(None, None, "no file")]
)
def test_other_errors_stay_what_they_are(problem: Exception) -> None:
    with pytest.raises(type(problem)) as error, shortages_named(CONFIG, 8, ()):
        raise problem
    assert error.value is problem
