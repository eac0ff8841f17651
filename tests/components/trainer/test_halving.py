"""A training whose batches do not fit in memory goes on in parts, and ends where it would have ended."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.devices import Devices
from components.trainer.division import Indivisible
from components.trainer.end_request import AskedToEnd
from components.trainer.halving import halving_batches, next_parts
from components.trainer.options import TrainOptions
from components.trainer.trainable import DetectorTrainer
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput

if TYPE_CHECKING:
    from conftest import Training

OPTIONS = TrainOptions(halve_batch=True, checkpoint_every_steps=2)
RESIZER = "model { ssd { image_resizer { fixed_shape_resizer { height: 300 width: 320 } } } }"
DEVICES = Devices(tf.distribute.get_strategy(), "CPU", None)


class Job:
    """What halving_batches reads of a TrainingJob, and writes."""

    def __init__(self, batch_size: int, options: TrainOptions) -> None:
        self.batch_size = batch_size
        self.options = options
        self.config = parse_pipeline_config(RESIZER, "tests")

    def with_options(self, options: TrainOptions) -> Job:
        return Job(self.batch_size, options)


def fitting(largest: int, tried: list[int]) -> Callable[[Job], int]:
    """A training that has memory for `largest` images at once."""

    def train(job: Job) -> int:
        tried.append(job.options.accumulate)
        if job.batch_size // job.options.accumulate > largest:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[7,8]")
        return job.options.accumulate

    return train


def test_parts_are_doubled_until_they_fit(capsys: pytest.CaptureFixture[str]) -> None:
    tried: list[int] = []
    assert halving_batches(Job(12, OPTIONS), DEVICES, fitting(3, tried)) == 4
    assert tried == [1, 2, 4]
    assert capsys.readouterr().out.splitlines() == [
        "out of memory: 12 images are now computed in 2 parts, one by one",
        "out of memory: 12 images are now computed in 4 parts, one by one",
    ]


def test_parts_are_of_one_size() -> None:
    assert [next_parts(12, parts) for parts in (1, 2, 4, 6, 12)] == [2, 4, 12, 12, None]
    assert next_parts(7, 1) == 7


def test_single_images_that_are_too_large_are_named() -> None:
    tried: list[int] = []
    with pytest.raises(BadInput, match=r"out of memory, for a tensor of shape \[7,8\]") as error:
        halving_batches(Job(4, OPTIONS), DEVICES, fitting(0, tried))
    assert tried == [1, 2, 4]
    assert error.value.fix.endswith("height: 300 width: 320 } }: they are computed one by one already")


def test_nothing_is_divided_unasked_or_for_another_error() -> None:
    tried: list[int] = []
    with pytest.raises(tf.errors.ResourceExhaustedError):
        halving_batches(Job(4, TrainOptions()), DEVICES, fitting(2, tried))
    assert tried == [1]

    def full(job: Job) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    with pytest.raises(tf.errors.ResourceExhaustedError, match="No space"):
        halving_batches(Job(4, OPTIONS), DEVICES, full)


def test_a_batch_that_cannot_be_divided_is_out_of_memory() -> None:
    train = fitting(2, [])

    def whole(job: Job) -> int:
        if job.options.accumulate > 1:
            raise Indivisible("no", "train.accumulate", "-")
        return train(job)

    with pytest.raises(tf.errors.ResourceExhaustedError):
        halving_batches(Job(4, OPTIONS), DEVICES, whole)
    with pytest.raises(Indivisible):
        halving_batches(Job(4, OPTIONS.model_copy(update={"accumulate": 2})), DEVICES, whole)


def test_who_was_asked_to_end_does_not_begin_again_for_long(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DetectorTrainer.compute_gradients

    def greedy(self: DetectorTrainer, images: tf.Tensor, *rest: Any) -> Any:
        if images.shape[0] > 2:
            os.kill(os.getpid(), signal.SIGTERM)  # while the graph is built whose memory is too small
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[7,8]")
        return original(self, images, *rest)

    monkeypatch.setattr(DetectorTrainer, "compute_gradients", greedy)
    with pytest.raises(AskedToEnd, match="saved step 1 of 4"):
        training.run(tmp_path, OPTIONS.model_copy(update={"steps": 4}))
    assert (tmp_path / "work" / "checkpoints" / "step-1.index").exists()


@pytest.mark.slow
def test_ends_at_the_weights_of_whole_batches(
    training: Training,
    tmp_path: Path,
    weights_of: Callable[[Path], dict[str, np.ndarray]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = training.run(tmp_path / "whole", TrainOptions(steps=4))
    original = DetectorTrainer.compute_gradients

    def greedy(self: DetectorTrainer, images: tf.Tensor, *rest: Any) -> Any:
        losses, gradients = original(self, images, *rest)
        # Memory that no machine has, asked for by the third step if it computes more than 2 images at once.
        late = tf.cast((self.optimizer.iterations.value > 1) & (tf.shape(images)[0] > 2), tf.int64)
        losses["loss"] += 0.0 * tf.reduce_sum(tf.random.uniform([late * 2**40]))
        return losses, gradients

    monkeypatch.setattr(DetectorTrainer, "compute_gradients", greedy)
    halved = training.run(tmp_path / "halved", OPTIONS.model_copy(update={"steps": 4}))
    lines = capsys.readouterr().out.splitlines()
    assert "out of memory: 4 images are now computed in 2 parts, one by one" in lines
    assert (halved.resumed_from, halved.steps) == (2, 4)
    for row, wanted in zip(halved.history, whole.history, strict=True):
        assert row["loss"] == pytest.approx(wanted["loss"], rel=1e-5)
    expected = weights_of(tmp_path / "whole")
    for name, value in weights_of(tmp_path / "halved").items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)
