"""Validation in the training equals what the Evaluator measures of the exported model, from one graph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf

from components.evaluator.detector import SavedDetector
from components.evaluator.metrics import ImageDetections, coco_metrics
from components.trainer.averages import MovingAverages
from components.trainer.dataset import make_eval_dataset
from components.trainer.trainable import DetectorTrainer
from components.trainer.validation import METRICS, Validation
from detection.builder import build_detector
from detection.config.label_map import read_label_map
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.export import export_saved_model
from detection.weights import read_weights
from tests.components.trainer.test_fit_two_stage import CONFIG

if TYPE_CHECKING:
    from conftest import Training

IMAGES = 5
BATCH = 2  # the last one is smaller


@dataclass(frozen=True)
class Labelled:
    """An image, uint8 [h, w, 3], and its objects."""

    pixels: np.ndarray
    boxes: np.ndarray
    classes: np.ndarray


def write_found(detector: Detector, path: Path) -> list[Labelled]:
    """Images of odd sizes whose objects are what the detector finds there, moved: an mAP that isn't 0."""
    rng = np.random.default_rng(3)
    labelled = []
    with tf.io.TFRecordWriter(str(path)) as writer:
        for index in range(IMAGES):
            image = rng.integers(0, 255, [50 + 7 * index, 90, 3], np.uint8)
            found = detector.detect(image[np.newaxis])
            boxes = found["detection_boxes"][0, ::2].numpy() + rng.normal(0, 0.02, [5, 4]).astype(np.float32)
            boxes = np.clip(boxes, 0, 1)
            classes = found["detection_classes"][0, ::2].numpy().astype(int)
            feature = {
                "image/encoded": tf.train.Feature(
                    bytes_list=tf.train.BytesList(value=[tf.io.encode_png(image).numpy()])
                ),
                "image/object/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=classes)),
            }
            for side, values in zip(("ymin", "xmin", "ymax", "xmax"), boxes.T, strict=True):
                feature[f"image/object/bbox/{side}"] = tf.train.Feature(
                    float_list=tf.train.FloatList(value=values)
                )
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
            labelled.append(Labelled(image, boxes, classes))
    return labelled


@pytest.fixture(scope="module")
def trainer(training: Training) -> DetectorTrainer:
    detector = build_detector(training.config.model)
    read_weights(detector, training.root / "converted" / "checkpoint" / "ckpt-1")
    return DetectorTrainer(detector, detector.trainable_variables)


def test_metrics_are_the_evaluator_s_of_the_exported_model(
    training: Training, trainer: DetectorTrainer, tmp_path: Path
) -> None:
    label_map = read_label_map(training.root / "label_map.pbtxt")
    records = tmp_path / "eval.tfrecord"
    labelled = write_found(trainer.detector, records)

    def batches(count: int) -> tf.data.Dataset:
        return make_eval_dataset([records], trainer.detector.preprocess, BATCH, num_examples=count)

    validation = Validation(trainer, batches(IMAGES), label_map, shown=3)
    result = validation.run()
    assert result is not None
    export_saved_model(trainer.detector, tmp_path / "saved_model")
    exported = SavedDetector(tmp_path / "saved_model")
    images = []
    for one in labelled:
        (found,) = exported.detect(one.pixels[np.newaxis])
        height, width = one.pixels.shape[:2]
        images.append(
            ImageDetections(height, width, one.boxes, one.classes, found.boxes, found.scores, found.classes)
        )
    wanted = coco_metrics(images, label_map)
    for name in METRICS:
        assert result.values[f"eval_{name}"] == pytest.approx(getattr(wanted, name), abs=1e-6)
    assert 0.05 < result.values["eval_mAP"] < 0.95
    assert len(result.images) == len(result.detections) == 3
    for image, served in zip(result.detections, images[:3], strict=True):
        np.testing.assert_allclose(image.detection_boxes, served.detection_boxes, atol=1e-5)
        np.testing.assert_allclose(image.detection_scores, served.detection_scores, atol=1e-5)
        np.testing.assert_array_equal(image.groundtruth_classes, served.groundtruth_classes)

    # the mean over images of each loss, as the training computes it
    losses = [trainer.detector.compute_losses(*batch) for batch in batches(IMAGES)]
    for name in losses[0]:
        mean = (2 * losses[0][name] + 2 * losses[1][name] + losses[2][name]) / IMAGES
        assert result.values[f"eval_{name}"] == pytest.approx(float(mean), rel=1e-5)
    penalty = float(trainer.detector.regularization_loss())
    assert result.values["eval_regularization_loss"] == pytest.approx(penalty, rel=1e-5)
    assert result.values["eval_loss"] == pytest.approx(
        sum(value for name, value in result.values.items() if name.endswith("_loss") and name != "eval_loss")
    )

    # averages take part as they are exported, and nothing is traced again
    trainer.averages = MovingAverages(trainer.trained, 0.5)
    averaged = Validation(trainer, batches(3), label_map)
    before = averaged.run()
    kept = [variable.numpy() for variable in trainer.trained]
    for variable in trainer.trained:
        variable.assign(tf.zeros_like(variable.value))
    after = averaged.run()
    assert before and after and after.values == pytest.approx(before.values, rel=1e-5)
    assert averaged._forward.experimental_get_tracing_count() == 1
    assert not any(variable.numpy().any() for variable in trainer.trained)
    for variable, value in zip(trainer.trained, kept, strict=True):
        variable.assign(value)
    trainer.averages = None


def test_a_validation_ends_when_it_is_asked_to(training: Training, trainer: DetectorTrainer) -> None:
    dataset = make_eval_dataset(
        [training.root / "eval.tfrecord.gz"], trainer.detector.preprocess, BATCH, num_examples=6
    )
    validation = Validation(trainer, dataset, read_label_map(training.root / "label_map.pbtxt"))
    answers = iter([False, True])
    assert validation.run(lambda: next(answers)) is None


@pytest.mark.slow
def test_one_run_of_a_two_stage_network_gives_what_two_give() -> None:
    detector = build_detector(parse_pipeline_config(CONFIG, "tests").model)
    images = detector.preprocess(tf.random.stateless_uniform([1, 70, 90, 3], [1, 2], maxval=255.0))
    groundtruth = {
        "boxes": tf.tile([[[0.1, 0.2, 0.7, 0.8], [0.0, 0.0, 0.0, 0.0]]], [1, 1, 1]),
        "classes": tf.constant([[1, 0]]),
        "weights": tf.constant([[1.0, 0.0]]),
    }
    losses, detections = detector.losses_and_detections(images, groundtruth)
    for name, value in detector.compute_losses(images, groundtruth).items():
        assert float(losses[name]) == pytest.approx(float(value), rel=1e-5)
    for name, value in detector.postprocess(detector(images)).items():
        np.testing.assert_allclose(detections[name], value, atol=1e-5, err_msg=name)
