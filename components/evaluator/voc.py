"""PASCAL VOC's average precision, as the challenges of 2007 and of 2010 to 2012 define it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import MATCHED_IOU, ImageDetections, overlaps
from components.evaluator.results import VocMetrics
from detection.config.label_map import LabelMap

Year = Literal[2007, 2012]
Values = NDArray[np.float64]
Curve = tuple[Values, Values]  # recall and precision


def voc_metrics(images: Sequence[ImageDetections], label_map: LabelMap) -> dict[Year, VocMetrics]:
    """Average precision at IoU 0.5 by class, and its mean over the classes that have objects.

    A detection belongs to the object with the highest IoU, taken or not: the first by falling score is
    right, later ones are wrong. An object that is difficult, or a crowd, need not be found, and detections
    of it are ignored. All detections count, not 100. Boxes are areas: no pixel is added to their sides.
    """
    curves = {item.name: _curve(images, item.id) for item in label_map.items}
    return {2007: _average(curves, _eleven_points), 2012: _average(curves, _area)}


def _average(curves: Mapping[str, Curve | None], average_of: Callable[[Values, Values], float]) -> VocMetrics:
    by_class = {name: None if curve is None else average_of(*curve) for name, curve in curves.items()}
    measured = [value for value in by_class.values() if value is not None]
    return VocMetrics(mean=sum(measured) / len(measured) if measured else None, by_class=by_class)


def _curve(images: Sequence[ImageDetections], class_id: int) -> Curve | None:
    """Recall and precision after each detection by falling score; None without an object to be found."""
    scores: list[NDArray[np.float32]] = []
    right: list[NDArray[np.bool_]] = []
    counted: list[NDArray[np.bool_]] = []
    positives = 0
    for image in images:
        there = image.groundtruth_classes == class_id
        easy = ~(image.difficult | image.crowd)[there]
        positives += int(easy.sum())
        found = np.flatnonzero(image.detection_classes == class_id)
        found = found[np.argsort(-image.detection_scores[found], kind="stable")]
        hits, counts = _judge(overlaps(image, found)[:, there], easy)
        scores.append(image.detection_scores[found])
        right.append(hits)
        counted.append(counts)
    if not positives:
        return None
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit, all_counted = np.concatenate(right)[order], np.concatenate(counted)[order]
    found_so_far = np.cumsum(hit[all_counted])
    return found_so_far / positives, found_so_far / np.arange(1, len(found_so_far) + 1)


def _judge(iou: NDArray[np.float64], easy: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Right and counted, bool [detections], of IoU [detections by falling score, objects]."""
    right, counted = np.zeros(len(iou), bool), np.ones(len(iou), bool)
    if not iou.shape[1]:
        return right, counted
    taken: set[int] = set()
    for index, best in enumerate(iou.argmax(axis=1).tolist()):
        if iou[index, best] < MATCHED_IOU:
            continue
        if not easy[best]:
            counted[index] = False
        elif best not in taken:
            right[index] = True
            taken.add(best)
    return right, counted


def _eleven_points(recall: Values, precision: Values) -> float:
    """2007: the mean of the highest precision at a recall of at least 0, 0.1, ... 1."""
    # tenths as quotients, so that a recall of 3/10 reaches 0.3
    return float(np.mean([precision[recall >= tenth / 10].max(initial=0.0) for tenth in range(11)]))


def _area(recall: Values, precision: Values) -> float:
    """2010 on: the area under the precision that falls monotonically."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
