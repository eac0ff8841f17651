"""Runs one exported model over labelled examples."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.evaluator.analysis import analyse
from components.evaluator.classes import ClassMapping, map_classes
from components.evaluator.detections import ImageDetections
from components.evaluator.detector import Detections, SavedDetector
from components.evaluator.examples import EvalExample, read_examples
from components.evaluator.masks import decode_masks, image_masks
from components.evaluator.matching import Matches, match
from components.evaluator.metrics import coco_metrics, has_masks, metrics_of
from components.evaluator.progress import Progress
from components.evaluator.results import ModelEvaluation
from components.evaluator.slices import ImageFacts
from detection.config.label_map import LabelMap

_PIXELS_SKIPPED = 4  # of each row and column, for an image's brightness
Labelled = tuple[int, EvalExample, ImageFacts]  # index, labels without the bytes, facts


@dataclass(frozen=True)
class EvaluationData:
    """What models are measured on.

    Attributes:
      files: TFRecords in the OD API's feature schema.
      label_map: the classes.
      images: how many there are, for progress; None if it is not known.
      skip_unknown: whether objects of other classes are left out; else they are an error.
    """

    files: Sequence[Path]
    label_map: LabelMap
    images: int | None = None
    skip_unknown: bool = False


@dataclass(frozen=True)
class EvaluatedModel:
    """One model's metrics, and what they were computed from, by image in the order of the examples."""

    evaluation: ModelEvaluation
    images: list[ImageDetections]
    facts: list[ImageFacts]
    matches: Matches


def evaluate(
    detector: SavedDetector,
    data: EvaluationData,
    model_label_map: LabelMap | None,
    *,
    title: str,
    saved_model: str | Path,
    model_num_classes: int | None = None,
    operating_score: float | None = None,
) -> EvaluatedModel:
    """Run a detector over `data` and measure it.

    Args:
      detector: the loaded SavedModel.
      data: the labelled images.
      model_label_map: the model's own classes, mapped to the data's by name; None if it has no label map.
      title: the model's name for people.
      saved_model: where it lies, for the record.
      model_num_classes: number of classes of a model without a label map.
      operating_score: score from which a detection counts in use; None: that with the best F1.

    A class that the model doesn't know scores 0, and `notes` says so. Masks are measured if both the data
    and the model have them. Raises BadInput for examples that can't be read.
    """
    started = time.monotonic()
    mapping = map_classes(data.label_map, model_label_map, model_num_classes)
    progress = Progress(title, data.images)
    results: dict[int, tuple[ImageDetections, ImageFacts]] = {}
    reads_context, with_context = detector.context_shape is not None, 0
    pixels = _labelled_pixels(data, reads_context)
    detected = detector.detect_all(pixels, lambda labelled: labelled[1].memory)
    for (index, example, facts), found in detected:
        with_context += len(example.memory) > 0
        results[index] = _combine(example, facts, found, mapping), facts
        progress.add()
    images = [results[index][0] for index in sorted(results)]
    notes = [f"{with_context} of {len(images)} images have context features."] if reads_context else []
    matches = match(images, [item.id for item in data.label_map.items])
    evaluation = ModelEvaluation(
        title=title,
        saved_model=str(saved_model),
        metrics=metrics_of(matches, images, data.label_map),
        masks=coco_metrics(images, data.label_map, "segm") if has_masks(images) else None,
        analysis=analyse(images, matches, data.label_map, operating_score),
        notes=mapping.notes + notes,
        seconds=round(time.monotonic() - started, 2),
    )
    return EvaluatedModel(evaluation, images, [results[index][1] for index in sorted(results)], matches)


def _labelled_pixels(data: EvaluationData, context: bool) -> Iterator[tuple[Labelled, NDArray[np.uint8]]]:
    examples = read_examples(data.files, data.label_map, skip_unknown=data.skip_unknown, context=context)
    for index, example in enumerate(examples):
        pixels = example.pixels()
        height, width = pixels.shape[:2]
        brightness = float(pixels[::_PIXELS_SKIPPED, ::_PIXELS_SKIPPED].mean())
        facts = ImageFacts(example.filename, width, height, brightness)
        yield (index, replace(example, encoded=b""), facts), pixels


def _combine(
    example: EvalExample, facts: ImageFacts, found: Detections, mapping: ClassMapping
) -> ImageDetections:
    classes = np.array([mapping.to_data.get(int(one), 0) for one in found.classes], np.int64)
    known = classes > 0  # what the data has no class for can't be judged
    size = facts.height, facts.width
    truth_masks = found_masks = None
    if found.masks is not None and len(example.masks) == len(example.classes):
        truth_masks = decode_masks(example.masks, size, example.filename)
        found_masks = image_masks(found.masks[known], found.boxes[known], size)
    return ImageDetections(
        height=facts.height,
        width=facts.width,
        groundtruth_boxes=example.boxes,
        groundtruth_classes=example.classes,
        detection_boxes=found.boxes[known],
        detection_scores=found.scores[known],
        detection_classes=classes[known],
        groundtruth_crowd=example.crowd,
        groundtruth_difficult=example.difficult,
        groundtruth_masks=truth_masks,
        detection_masks=found_masks,
    )
