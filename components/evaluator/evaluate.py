"""Evaluates one exported model on labelled examples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.evaluator.classes import ClassMapping, map_classes
from components.evaluator.detector import Detections, SavedDetector
from components.evaluator.examples import EvalExample, read_examples
from components.evaluator.metrics import ImageDetections, coco_metrics
from components.evaluator.results import ModelEvaluation
from detection.config.label_map import LabelMap

Labelled = tuple[int, EvalExample, tuple[int, int]]  # index, labels without the bytes, (height, width)


def evaluate(
    saved_model: Path,
    files: Sequence[Path],
    label_map: LabelMap,
    model_label_map: LabelMap | None,
    *,
    title: str,
    model_num_classes: int | None = None,
) -> tuple[ModelEvaluation, list[ImageDetections]]:
    """Run `saved_model` over the TFRecord `files` and measure it.

    Args:
      saved_model: directory of a SavedModel with the OD API's signature.
      files: gzipped TFRecords in the OD API's feature schema.
      label_map: the data's classes.
      model_label_map: the model's own classes, mapped to the data's by name; None if it has no label map.
      title: the model's name for people.
      model_num_classes: number of classes of a model without a label map.

    Returns the metrics, and detections by image in the order of the examples. A class that the model doesn't
    know scores 0, and `notes` says so. Raises BadInput for a model or examples that can't be read.
    """
    started = time.monotonic()
    mapping = map_classes(label_map, model_label_map, model_num_classes)
    detector = SavedDetector(saved_model)
    results: dict[int, ImageDetections] = {}
    for (index, example, size), detections in detector.detect_all(_labelled_pixels(files, label_map)):
        results[index] = _combine(example, size, detections, mapping)
    images = [results[index] for index in sorted(results)]
    evaluation = ModelEvaluation(
        title=title,
        saved_model=str(saved_model),
        metrics=coco_metrics(images, label_map),
        notes=mapping.notes,
        seconds=round(time.monotonic() - started, 2),
    )
    return evaluation, images


def _labelled_pixels(
    files: Sequence[Path], label_map: LabelMap
) -> Iterator[tuple[Labelled, NDArray[np.uint8]]]:
    for index, example in enumerate(read_examples(files, label_map)):
        pixels = example.pixels()
        height, width = pixels.shape[:2]
        yield (index, replace(example, encoded=b""), (height, width)), pixels


def _combine(
    example: EvalExample, size: tuple[int, int], detections: Detections, mapping: ClassMapping
) -> ImageDetections:
    classes = np.array([mapping.to_data.get(int(one), 0) for one in detections.classes], np.int64)
    known = classes > 0  # what the data has no class for can't be judged
    return ImageDetections(
        height=size[0],
        width=size[1],
        groundtruth_boxes=example.boxes,
        groundtruth_classes=example.classes,
        detection_boxes=detections.boxes[known],
        detection_scores=detections.scores[known],
        detection_classes=classes[known],
    )
