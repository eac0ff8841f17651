"""A loss or gradient that is no number: who is named, what is written, and that nothing is kept of it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer import non_finite, record_checks
from components.trainer.dataset import NamedBatch
from components.trainer.options import TrainOptions
from components.trainer.trainable import DetectorTrainer
from detection.builder import build_detector
from detection.errors import BadInput, Failed
from detection.weights import read_weights, write_weights

if TYPE_CHECKING:
    from conftest import Training

BATCH = 4
FAR = 1e36  # a float32 still, also its distance from an anchor; a million times that is not


def far_counts(training: Training) -> Any:
    """The training's config with a weight that lets a box far away overflow the loss."""
    config = type(training.config)()
    config.CopyFrom(training.config)
    config.model.ssd.loss.localization_weight = 1e6
    return config


def dumped(out: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return json.loads((out / "work" / "non_finite.json").read_text(), parse_constant=refuse)


def named_images(error: BadInput | Failed) -> set[str]:
    return set(error.where.partition(";")[0].partition(" and ")[0].split(", "))


@pytest.fixture
def poisoned(training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Training:
    """The training's inputs with a box without end, in train-7.png, as if the check had let it pass."""
    monkeypatch.setattr(record_checks, "_GREATEST_COORDINATE", np.inf)
    root = tmp_path / "poisoned"
    root.mkdir()
    for name in ("eval.tfrecord.gz", "label_map.pbtxt", "converted"):
        (root / name).symlink_to(training.root / name)
    options = tf.io.TFRecordOptions("GZIP")
    records = tf.data.TFRecordDataset(str(training.root / "train.tfrecord.gz"), compression_type="GZIP")
    with tf.io.TFRecordWriter(str(root / "train.tfrecord.gz"), options) as writer:
        for record in records:
            example = tf.train.Example.FromString(record.numpy())
            feature = example.features.feature
            if feature["image/source_id"].bytes_list.value[0] == b"train-7.png":
                feature["image/object/bbox/xmax"].float_list.value[0] = FAR
            writer.write(example.SerializeToString())
    return replace(training, root=root, config=far_counts(training))


def test_a_bad_box_names_its_image_and_a_rerun_ends_at_the_same_step(
    poisoned: Training, tmp_path: Path
) -> None:
    # so low a rate that no other image's loss can overflow
    options = TrainOptions(checkpoint_every_steps=1, augment=False, learning_rate=1e-12)
    with pytest.raises(BadInput, match="the loss is (nan|inf) at step") as error:
        poisoned.run(tmp_path, options)
    assert named_images(error.value) == {"train-7.png"}
    assert "correct the boxes" in error.value.fix
    found = dumped(tmp_path)
    assert found["first_layer"] is None and "localization_loss" in found["non_finite_losses"]
    assert len(found["images"]) == BATCH and found["learning_rate"] == pytest.approx(1e-12)
    assert found["losses"]["loss"] in ("nan", "inf") and found["non_finite_weights"] == []
    (bad,) = [image for image in found["images"] if not image["finite"]]
    assert (
        bad["source_id"] == "train-7.png"
        and bad["boxes"][0][3] == pytest.approx(FAR)
        and bad["classes"] == [2]
    )
    others = [image for image in found["images"] if image is not bad]
    assert all(isinstance(image["loss"], float) and len(image["boxes"]) == 1 for image in others)
    assert not (tmp_path / "training.json").exists() and not (tmp_path / "checkpoint").exists()

    checkpoints = sorted((tmp_path / "work" / "checkpoints").glob("step-*"))
    assert all(int(file.stem.split("-")[1]) < found["step"] for file in checkpoints)
    with pytest.raises(BadInput, match=f"the loss is (nan|inf) at step {found['step']}"):
        poisoned.run(tmp_path, options)
    assert sorted((tmp_path / "work" / "checkpoints").glob("step-*")) == checkpoints


def test_a_corrected_rate_goes_on_from_nothing_bad(training: Training, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="at step") as error:
        training.run(tmp_path, TrainOptions(steps=30, learning_rate=1e12, checkpoint_every_steps=1))
    assert "lower train.learning_rate (1e+12 at this step)" in error.value.fix
    assert "more images of the batch" in error.value.where
    found = dumped(tmp_path)
    assert not any(image["finite"] for image in found["images"])
    assert training.run(tmp_path, TrainOptions(steps=2)).resumed_from is None


def test_a_batch_in_parts_is_examined_in_parts(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DetectorTrainer.compute_gradients

    def tight(self: DetectorTrainer, images: tf.Tensor, *rest: Any) -> Any:
        if images.shape[0] > 2:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return original(self, images, *rest)

    monkeypatch.setattr(DetectorTrainer, "compute_gradients", tight)
    options = TrainOptions(steps=30, learning_rate=1e12, checkpoint_every_steps=1, halve_batch=True)
    with pytest.raises(BadInput, match="at step .*, first in layer ") as error:
        training.run(tmp_path, options)
    assert "lower train.learning_rate" in error.value.fix
    found = dumped(tmp_path)
    assert len(found["images"]) == BATCH and found["non_finite_gradients"]
    assert not any(image["finite"] for image in found["images"])


def test_without_memory_for_a_second_look_the_loss_is_named_all_the_same(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def examine(*_: Any) -> None:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor\nand so on")

    monkeypatch.setattr(non_finite, "examine", examine)
    with pytest.raises(BadInput, match="at step .*; a second look .* failed: OOM when allocating") as error:
        training.run(tmp_path, TrainOptions(steps=30, learning_rate=1e12, halve_batch=True))
    assert "lower train.learning_rate" in error.value.fix and "more images" in error.value.where
    assert {(image["loss"], image["finite"]) for image in dumped(tmp_path)["images"]} == {(None, None)}


@pytest.mark.parametrize("has_layers", [True, False])
def test_nothing_is_said_of_layers_that_a_model_has_not(has_layers: bool) -> None:
    found = non_finite.Examination(gradients=["Head/bias"], has_layers=has_layers)
    batch = NamedBatch(tf.zeros([1, 2, 2, 3]), {}, ["a.png"])
    values = {"loss": math.nan, "gradient_norm": math.nan, "learning_rate": 0.1}
    said = ", with every layer's output finite" if has_layers else ""
    error = non_finite._error(2, values, batch, found, Path("dump.json"))
    assert error.what == f"the loss is nan at step 2{said}; first in the gradient of Head/bias"


def test_first_layer_is_named(training: Training, tmp_path: Path) -> None:
    detector = build_detector(training.config.model)
    read_weights(detector, training.root / "converted" / "checkpoint" / "ckpt-1")
    (kernel,) = [variable for variable in detector.variables if "Conv2d_3_pointwise/kernel" in variable.path]
    kernel.assign(tf.fill(kernel.shape, float("inf")))
    root = tmp_path / "broken"
    write_weights(detector, root / "converted" / "checkpoint" / "ckpt-1")
    for name in ("train.tfrecord.gz", "eval.tfrecord.gz", "label_map.pbtxt"):
        (root / name).symlink_to(training.root / name)
    layer = "FeatureExtractor/MobilenetV1/Conv2d_3_pointwise"
    with pytest.raises(BadInput, match=f"at step 1, first in layer {layer}") as error:
        replace(training, root=root).run(tmp_path)
    assert error.value.fix.startswith("convert the model again: its FeatureExtractor/MobilenetV1/Conv2d_3")
    found = dumped(tmp_path)
    assert found["first_layer"] == layer and len(found["images"]) == BATCH
    assert found["non_finite_weights"] == [f"{layer}/kernel"]
    assert not list((tmp_path / "work" / "checkpoints").glob("step-*"))


def test_what_is_finite_when_computed_again_is_worth_a_retry(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = DetectorTrainer.train_step

    def flaky(self: DetectorTrainer, data: Any) -> dict[str, tf.Tensor]:
        losses = original(self, data)
        return {**losses, "gradient_norm": tf.constant(float("inf"))}

    monkeypatch.setattr(DetectorTrainer, "train_step", flaky)
    with pytest.raises(Failed, match="the gradient norm is inf at step") as error:
        training.run(tmp_path)
    assert error.value.exit_code == 1 and error.value.fix.startswith("retry")
    assert dumped(tmp_path)["gradient_norm"] == "inf"


def test_a_step_that_is_not_finite_updates_nothing(training: Training) -> None:
    keras.utils.set_random_seed(1)
    detector = build_detector(far_counts(training).model)
    detector.freeze_batch_norm = True
    trainer = DetectorTrainer(detector, detector.trainable_variables)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(trainer.trained)
    trainer.compile(optimizer=optimizer, jit_compile=False)
    before = [variable.numpy() for variable in detector.variables]

    def batch(side: float) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        return tf.zeros([1, 64, 64, 3]), {
            "boxes": tf.tile([[[0.1, 0.1, 0.6, side]]], [1, 100, 1]),
            "classes": tf.ones([1, 100], tf.int32),
            "weights": tf.one_hot([0], 100),
        }

    assert not np.isfinite(trainer.train_step(batch(FAR))["loss"])
    assert int(optimizer.iterations) == 0
    for variable, value in zip(detector.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)
    assert np.isfinite(trainer.train_step(batch(0.7))["loss"])
    assert int(optimizer.iterations) == 1
