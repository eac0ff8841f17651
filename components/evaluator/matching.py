"""Which detections are right, by COCO's rules, image by image: done once, summed up many times.

faster-coco-eval keeps its matches to itself. These give the same average precision (tests hold it), and the
bootstrap, precision and recall, and calibration need them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import ImageDetections, overlaps

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_MOST_DETECTIONS = 100
_LIMITS = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)[:, None]


@dataclass(frozen=True)
class ClassMatches:
    """The detections of one class over all images, by falling score; equal ones in the images' order.

    Attributes:
      image: int64 [n], index of the image.
      scores: float64 [n].
      right: bool [10, n], whether it has an object to itself, by IoU threshold.
      ignored: bool [10, n], whether it lies on a crowd, and so is neither right nor wrong.
      groundtruth: int64 [images], objects to be found.
    """

    image: NDArray[np.int64]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    groundtruth: NDArray[np.int64]

    def subset(self, images: NDArray[np.int64]) -> ClassMatches:
        """The same of some images, whose indices rise; they are numbered anew."""
        number = np.full(len(self.groundtruth), -1)
        number[images] = np.arange(len(images))
        kept = number[self.image] >= 0
        return ClassMatches(
            number[self.image[kept]],
            self.scores[kept],
            self.right[:, kept],
            self.ignored[:, kept],
            self.groundtruth[images],
        )


def match(images: Sequence[ImageDetections], class_ids: Iterable[int]) -> dict[int, ClassMatches]:
    """Match the detections of each class to its objects.

    As in COCO: by falling score, at most 100 detections of a class in an image, each takes the free object
    with the highest IoU; at any IoU threshold, an object is found once.
    """
    parts: dict[int, list[tuple[NDArray, NDArray, NDArray, NDArray]]] = {one: [] for one in class_ids}
    counts = {one: np.zeros(len(images), np.int64) for one in parts}
    for index, image in enumerate(images):
        order = np.argsort(-image.detection_scores, kind="stable")
        iou = overlaps(image, order)
        scores, classes = image.detection_scores[order].astype(np.float64), image.detection_classes[order]
        for class_id in np.unique(image.groundtruth_classes[~image.crowd]).tolist():
            if class_id in counts:
                mine = (image.groundtruth_classes == class_id) & ~image.crowd
                counts[class_id][index] = mine.sum()
        for class_id in np.unique(classes).tolist():
            if class_id not in parts:
                continue
            found = np.flatnonzero(classes == class_id)[:_MOST_DETECTIONS]
            there = image.groundtruth_classes == class_id
            right, ignored = _match(iou[np.ix_(found, there)], image.crowd[there])
            parts[class_id].append((np.full(len(found), index), scores[found], right, ignored))
    return {class_id: _join(parts[class_id], counts[class_id]) for class_id in parts}


def _match(iou: NDArray[np.float64], crowd: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right and ignored, bool [10, detections], of IoU [detections by falling score, objects]."""
    detections, objects = iou.shape
    right = np.zeros((len(_LIMITS), detections), bool)
    ignored = np.zeros_like(right)
    if not objects:
        return right, ignored
    free = np.repeat(~crowd[None], len(_LIMITS), axis=0)
    rows = np.arange(len(_LIMITS))
    for index in np.flatnonzero((iou >= _LIMITS[0]).any(axis=1)):
        near = iou[index] >= _LIMITS  # [10, objects]
        values = np.where(near & free, iou[index], -1.0)
        best = objects - 1 - values[:, ::-1].argmax(axis=1)  # of equal ones the last, as in COCO
        taken = values[rows, best] >= 0
        right[:, index] = taken
        free[rows[taken], best[taken]] = False
        ignored[:, index] = ~taken & (near & crowd).any(axis=1)
    return right, ignored


def _join(
    parts: list[tuple[NDArray, NDArray, NDArray, NDArray]], groundtruth: NDArray[np.int64]
) -> ClassMatches:
    empty = np.zeros((len(_LIMITS), 0), bool)
    image = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
    scores = np.concatenate([np.zeros(0), *(part[1] for part in parts)])
    right = np.concatenate([empty, *(part[2] for part in parts)], axis=1)
    ignored = np.concatenate([empty, *(part[3] for part in parts)], axis=1)
    order = np.argsort(-scores, kind="stable")
    return ClassMatches(image[order], scores[order], right[:, order], ignored[:, order], groundtruth)
