"""The worst mistakes of a model: what it was sure of and is not there, and what it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.evaluator.confusion import pair
from components.evaluator.detections import ImageDetections


@dataclass(frozen=True)
class Mistake:
    """`index` is that of a detection, or of an object, of the image of index `image`."""

    image: int
    index: int


def worst_false_positives(images: Sequence[ImageDetections], score: float, count: int) -> list[Mistake]:
    """The wrong detections with the highest scores, one an image: of nothing, or of another class."""
    ranked = []
    for number, image in enumerate(images):
        found, objects = pair(image, score)
        wrong = [
            (float(image.detection_scores[index]), int(index))
            for index, target in zip(found, objects, strict=True)
            if target < 0 or image.groundtruth_classes[target] != image.detection_classes[index]
        ]
        if wrong:
            ranked.append((*max(wrong, key=lambda one: (one[0], -one[1])), number))
    ranked.sort(key=lambda one: (-one[0], one[2]))
    return [Mistake(number, index) for _, index, number in ranked[:count]]


def worst_misses(images: Sequence[ImageDetections], score: float, count: int) -> list[Mistake]:
    """The largest objects (by their share of the image) that were not found, one an image."""
    ranked = []
    for number, image in enumerate(images):
        _, objects = pair(image, score)
        missed = np.setdiff1d(np.flatnonzero(~image.crowd), objects)
        sides = image.groundtruth_boxes[missed]
        areas = (sides[:, 2:] - sides[:, :2]).prod(axis=1)
        if len(missed):
            ranked.append((float(areas.max()), int(missed[areas.argmax()]), number))
    ranked.sort(key=lambda one: (-one[0], one[2]))
    return [Mistake(number, index) for _, index, number in ranked[:count]]
