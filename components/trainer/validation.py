"""Losses and COCO metrics on the validation images while a training runs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluator.metrics import ImageDetections, coco_metrics
from components.trainer.trainable import Batch, DetectorTrainer
from detection.config.label_map import LabelMap

METRICS = ("mAP", "mAP_50", "mAP_75")


@dataclass(frozen=True)
class ValidationResult:
    """What a validation found.

    Attributes:
      values: mean losses and the metrics, names with the prefix eval_; no metric without any object.
      images: the first images, as the network gets them, float32 [H, W, 3] each.
      detections: what is in these and what was found there.
    """

    values: dict[str, float]
    images: list[NDArray[np.float32]]
    detections: list[ImageDetections]


class Validation:
    """Losses and detections of the weights that would be exported: with averages, of the averages.

    One run of the network gives both, and its graph is built once. Images are resized and normalised as the
    exported model does it, and detections are those that it gives, so that the metrics are the Evaluator's
    for the same images (of an image with more than 100 objects, the first 100 count).

    Args:
      trainer: the model.
      batches: one pass over the validation images.
      label_map: the classes that count.
      shown: how many images are given back.
    """

    def __init__(
        self, trainer: DetectorTrainer, batches: tf.data.Dataset, label_map: LabelMap, shown: int = 0
    ) -> None:
        self._batches = batches
        self._label_map = label_map
        self._trainer = trainer
        self._shown = shown
        # The element's specification leaves the size of a batch open: the last one is smaller.
        self._forward = tf.function(trainer.validate, input_signature=[batches.element_spec])

    def run(self, end_asked: Callable[[], bool] = lambda: False) -> ValidationResult | None:
        """Validates; None if `end_asked` became true before the last batch."""
        sums: dict[str, float] = {}
        first_images: list[NDArray[np.float32]] = []
        found: list[ImageDetections] = []
        averages = self._trainer.averages
        with averages.in_place() if averages else nullcontext():
            for batch in self._batches:
                if end_asked():
                    return None
                losses, detections = self._forward(batch)
                of_batch = images_of(batch, detections, self._label_map)
                for name, value in losses.items():
                    sums[name] = sums.get(name, 0.0) + float(value) * len(of_batch)
                first_images += list(batch[0][: max(0, self._shown - len(found))].numpy())
                found += of_batch
        metrics = coco_metrics(found, self._label_map)
        measured = {name: getattr(metrics, name) for name in METRICS}
        values = {name: total / len(found) for name, total in sums.items()}
        values |= {name: value for name, value in measured.items() if value is not None}
        return ValidationResult(
            {f"eval_{name}": value for name, value in values.items()}, first_images, found[: self._shown]
        )


def images_of(batch: Batch, detections: dict[str, tf.Tensor], label_map: LabelMap) -> list[ImageDetections]:
    """The objects and detections of each image of a batch, without padding and unknown classes.

    IoU does not depend on an image's size, so that of the network's input does.
    """
    images, groundtruth = batch
    ids = [item.id for item in label_map.items]
    height, width = images.shape[1:3]
    truth = {name: groundtruth[name].numpy() for name in ("boxes", "classes", "weights")}
    arrays: dict[str, NDArray[Any]] = {
        name: detections[name].numpy()
        for name in ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
    }
    result = []
    for row in range(len(truth["boxes"])):
        there = truth["weights"][row] > 0
        classes = arrays["detection_classes"][row].astype(np.int64)
        kept = (np.arange(len(classes)) < arrays["num_detections"][row]) & np.isin(classes, ids)
        result.append(
            ImageDetections(
                height=height,
                width=width,
                groundtruth_boxes=truth["boxes"][row][there],
                groundtruth_classes=truth["classes"][row][there].astype(np.int64),
                detection_boxes=arrays["detection_boxes"][row][kept],
                detection_scores=arrays["detection_scores"][row][kept],
                detection_classes=classes[kept],
            )
        )
    return result
