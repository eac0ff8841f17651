"""The TensorBoard of a training: curves, and pictures with boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.evaluator.metrics import ImageDetections
from components.trainer.pictures import draw, visible_pixels
from components.trainer.trainable import Batch
from components.trainer.validation import ValidationResult
from detection.config.label_map import LabelMap
from detection.detector import Detector

PICTURES = 4  # at a time


class Board:
    """Writes events to `directory`; a context manager that ends the file."""

    def __init__(self, directory: Path, detector: Detector, label_map: LabelMap) -> None:
        self._writer = tf.summary.create_file_writer(str(directory))
        self._detector = detector
        self._class_names = {item.id: item.display_name for item in label_map.items}

    def __enter__(self) -> Board:
        return self

    def __exit__(self, *exception: object) -> None:
        self._writer.close()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """A point of each curve."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._writer.flush()

    def show_training(self, step: int, batch: Batch) -> None:
        """The first images of the batch that follows `step` steps, augmented, with their boxes."""
        images, groundtruth = batch
        labelled = []
        for row in range(min(PICTURES, len(images))):
            there = groundtruth["weights"][row] > 0
            labelled.append(
                ImageDetections(
                    height=images.shape[1],
                    width=images.shape[2],
                    groundtruth_boxes=groundtruth["boxes"][row][there].numpy(),
                    groundtruth_classes=groundtruth["classes"][row][there].numpy(),
                    detection_boxes=np.zeros([0, 4], np.float32),
                    detection_scores=np.zeros([0], np.float32),
                    detection_classes=np.zeros([0], np.int64),
                )
            )
        self._show("training", step, list(images[:PICTURES].numpy()), labelled)

    def show_validation(self, step: int, result: ValidationResult) -> None:
        """The images that the validation gave back, with what is there and what was found."""
        self._show("validation", step, result.images, result.detections)

    def _show(
        self, name: str, step: int, images: Sequence[NDArray[np.float32]], found: Sequence[ImageDetections]
    ) -> None:
        with self._writer.as_default(step=step):
            for number, (image, boxes) in enumerate(zip(images, found, strict=True), start=1):
                picture = draw(visible_pixels(self._detector, image), boxes, self._class_names)
                # a name for each: images of one batch, or of two, may differ in size
                tf.summary.image(f"{name}/{number}", picture[np.newaxis])
        self._writer.flush()
