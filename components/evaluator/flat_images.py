"""All images' objects and detections as one array each, and which of them lie on each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import MATCHED_IOU, ImageDetections, boxes_xywh_px

_PAIRS_AT_A_TIME = 200_000  # before most are dropped; small enough for a processor's cache


@dataclass(frozen=True)
class FlatBoxes:
    """Boxes in the order of the images, and in that of each image: `xywh` is in pixels, float64 [n, 4]."""

    image: NDArray[np.int64]
    classes: NDArray[np.int64]
    xywh: NDArray[np.float64]

    @property
    def area(self) -> NDArray[np.float64]:
        """Square pixels, [n]."""
        return self.xywh[:, 2] * self.xywh[:, 3]


@dataclass(frozen=True)
class FlatImages:
    """What `count` images hold: `crowd` and `difficult` are of objects, `scores` float64 of detections."""

    count: int
    objects: FlatBoxes
    detections: FlatBoxes
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    scores: NDArray[np.float64]

    def turns(self, groups: NDArray[np.int64], detections: NDArray[np.int64]) -> NDArray[np.int64]:
        """The place of each of `detections` by falling score in its group, from 0; equal ones in order.

        `groups` is of all detections, and `detections` rise.
        """
        of_each = groups[detections]
        order = np.lexsort((-self.scores[detections], of_each))
        turns = np.empty(len(order), np.int64)
        turns[order] = count_up(of_each[order])
        return turns


@dataclass(frozen=True)
class Pairs:
    """Detections and the objects that they lie on: flat indices and IoU [n], by detection, then object."""

    detection: NDArray[np.int64]
    object: NDArray[np.int64]
    iou: NDArray[np.float64]


Overlap = Callable[[FlatImages, NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


def flatten(images: Sequence[ImageDetections]) -> FlatImages:
    """Put the boxes of all images together."""
    sizes = np.array([[one.height, one.width] for one in images], np.float64).reshape(-1, 2)
    objects = _boxes(
        sizes, [one.groundtruth_boxes for one in images], [one.groundtruth_classes for one in images]
    )
    detections = _boxes(
        sizes, [one.detection_boxes for one in images], [one.detection_classes for one in images]
    )
    scores = _joined((one.detection_scores for one in images), np.float32).astype(np.float64)
    return FlatImages(
        len(images),
        objects,
        detections,
        crowd=_joined((one.crowd for one in images), np.bool_),
        difficult=_joined((one.difficult for one in images), np.bool_),
        scores=scores,
    )


def groups_by_class(flat: FlatImages) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A number for each image and class, of detections and of objects."""
    known, number = np.unique(
        np.concatenate([flat.detections.classes, flat.objects.classes]), return_inverse=True
    )
    groups = np.concatenate([flat.detections.image, flat.objects.image]) * len(known) + number
    return groups[: len(flat.scores)], groups[len(flat.scores) :]


def near_pairs(
    flat: FlatImages,
    groups: tuple[NDArray[np.int64], NDArray[np.int64]],
    detections: NDArray[np.int64],
    overlap: Overlap,
) -> Pairs:
    """The pairs with an IoU of at least 0.5.

    Args:
      flat: all boxes.
      groups: of detections and of objects; only those of equal groups are compared.
      detections: which of them to look at, rising.
      overlap: IoU [n] of detections [n] and objects [n], which stand by detection.
    """
    order = np.argsort(groups[1], kind="stable")
    sorted_groups, of_each = groups[1][order], groups[0][detections]
    first = np.searchsorted(sorted_groups, of_each)
    counts = np.searchsorted(sorted_groups, of_each, side="right") - first
    found = []
    for part in _parts(counts):
        owner = np.repeat(detections[part], counts[part])
        ends = np.cumsum(counts[part])
        inside = np.arange(len(owner)) - np.repeat(ends - counts[part], counts[part])
        objects = order[np.repeat(first[part], counts[part]) + inside]
        iou = overlap(flat, owner, objects)
        near = np.flatnonzero(iou >= MATCHED_IOU)
        found.append((owner[near], objects[near], iou[near]))
    return Pairs(
        _joined((one[0] for one in found), np.int64),
        _joined((one[1] for one in found), np.int64),
        _joined((one[2] for one in found), np.float64),
    )


def box_overlaps(
    flat: FlatImages, detections: NDArray[np.int64], objects: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Intersection over union [n] of boxes; with a crowd, over the detection alone, as in COCO."""
    one, other = flat.detections.xywh[detections].T, flat.objects.xywh[objects].T
    across = np.minimum(one[0] + one[2], other[0] + other[2]) - np.maximum(one[0], other[0])
    down = np.minimum(one[1] + one[3], other[1] + other[3]) - np.maximum(one[1], other[1])
    shared = np.maximum(across, 0.0) * np.maximum(down, 0.0)
    area = one[2] * one[3]
    union = np.where(flat.crowd[objects], area, area + other[2] * other[3] - shared)
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def count_up(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many equal ones stand before each of `values`, in which equal ones are neighbours."""
    starts = np.flatnonzero(np.diff(values, prepend=values[:1] - 1))
    return np.arange(len(values)) - np.repeat(starts, np.diff(starts, append=len(values)))


def _parts(counts: NDArray[np.int64]) -> list[slice]:
    """Slices of `counts` that add up to about _PAIRS_AT_A_TIME each."""
    total = np.cumsum(counts)
    if not len(total):
        return []
    borders = np.searchsorted(total, np.arange(_PAIRS_AT_A_TIME, total[-1], _PAIRS_AT_A_TIME)) + 1
    edges = np.unique([0, *borders.tolist(), len(counts)]).tolist()
    return [slice(start, stop) for start, stop in zip(edges[:-1], edges[1:], strict=True)]


def _boxes(
    sizes: NDArray[np.float64], boxes: Sequence[NDArray[np.float32]], classes: Sequence[NDArray[np.int64]]
) -> FlatBoxes:
    image = np.repeat(np.arange(len(classes)), [len(one) for one in classes])
    xywh = boxes_xywh_px(_joined((one.reshape(-1, 4) for one in boxes), np.float32, 4), sizes[image])
    return FlatBoxes(image, _joined(classes, np.int64), xywh)


def _joined(parts: Iterable[NDArray], kind: type, *row: int) -> NDArray:
    return np.concatenate([np.zeros((0, *row), kind), *parts])
