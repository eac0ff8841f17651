"""The worst mistakes of a model: what it was sure of and is not there, and what it did not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.confusion import pair
from components.evaluator.detections import ImageDetections
from components.evaluator.flat_images import FlatBoxes


@dataclass(frozen=True)
class Mistake:
    """`index` is that of a detection, or of an object, of the image of index `image`."""

    image: int
    index: int


def worst_false_positives(images: Sequence[ImageDetections], score: float, count: int) -> list[Mistake]:
    """The wrong detections with the highest scores, one an image: of nothing, or of another class."""
    pairs = pair(images, score)
    truth = np.append(pairs.flat.objects.classes, -1)  # -1, of nothing, is the last one
    found = pairs.flat.detections
    wrong = pairs.detection[truth[pairs.object] != found.classes[pairs.detection]]
    return _worst(found, wrong, pairs.flat.scores[wrong], count)


def worst_misses(images: Sequence[ImageDetections], score: float, count: int) -> list[Mistake]:
    """The largest objects (by their share of the image) that were not found, one an image."""
    pairs = pair(images, score)
    sides = np.concatenate([one.groundtruth_boxes for one in images] or [np.zeros((0, 4), np.float32)])
    shares = (sides[:, 2:] - sides[:, :2]).prod(axis=1)
    return _worst(pairs.flat.objects, pairs.missed, shares[pairs.missed], count)


def _worst(
    boxes: FlatBoxes, chosen: NDArray[np.int64], badness: NDArray[np.floating], count: int
) -> list[Mistake]:
    """The worst of each image among `chosen`, which rise; of equal ones the first."""
    order = np.lexsort((chosen, -badness))
    worst, image = chosen[order], boxes.image[chosen[order]]
    first = np.sort(np.unique(image, return_index=True)[1])
    # images with equal ones by number
    ranked = first[np.lexsort((image[first], -badness[order][first]))][:count]
    starts = np.searchsorted(boxes.image, image[ranked])
    return [
        Mistake(int(one), int(index - start))
        for one, index, start in zip(image[ranked], worst[ranked], starts, strict=True)
    ]
