"""PASCAL VOC's average precision, as the challenges of 2007 and of 2010 to 2012 define it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import ImageDetections
from components.evaluator.flat_images import FlatImages, box_overlaps, flatten, groups_by_class, near_pairs
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
    flat = flatten(images)
    judged = _judge(flat)
    curves = {item.name: _curve(flat, judged, item.id) for item in label_map.items}
    return {2007: _average(curves, _eleven_points), 2012: _average(curves, _area)}


def _average(curves: Mapping[str, Curve | None], average_of: Callable[[Values, Values], float]) -> VocMetrics:
    by_class = {name: None if curve is None else average_of(*curve) for name, curve in curves.items()}
    measured = [value for value in by_class.values() if value is not None]
    return VocMetrics(mean=sum(measured) / len(measured) if measured else None, by_class=by_class)


@dataclass(frozen=True)
class _Judged:
    """All detections by falling score: flat indices, and bool [n] whether each is right, and counted."""

    order: NDArray[np.int64]
    right: NDArray[np.bool_]
    counted: NDArray[np.bool_]


def _judge(flat: FlatImages) -> _Judged:
    order = np.argsort(-flat.scores, kind="stable")
    belongs_to = _nearest_objects(flat)[order]
    on_object = belongs_to >= 0
    need_not = np.append(flat.difficult | flat.crowd, False)[belongs_to]  # -1, of none, is the last one
    first = np.zeros(len(order), bool)
    first[np.unique(belongs_to, return_index=True)[1]] = True  # of the detections of an object
    return _Judged(order, first & on_object & ~need_not, ~need_not)


def _nearest_objects(flat: FlatImages) -> NDArray[np.int64]:
    """The object [detections] of its class with which each has the highest IoU, -1 if that is below 0.5."""
    pairs = near_pairs(flat, groups_by_class(flat), np.arange(len(flat.scores)), box_overlaps)
    # of objects with equal IoU the first
    order = np.lexsort((pairs.object, -pairs.iou, pairs.detection))
    detections, best = np.unique(pairs.detection[order], return_index=True)
    nearest = np.full(len(flat.scores), -1)
    nearest[detections] = pairs.object[order][best]
    return nearest


def _curve(flat: FlatImages, judged: _Judged, class_id: int) -> Curve | None:
    """Recall and precision after each detection by falling score; None without an object to be found."""
    positives = int(((flat.objects.classes == class_id) & ~flat.difficult & ~flat.crowd).sum())
    if not positives:
        return None
    counted = judged.counted & (flat.detections.classes[judged.order] == class_id)
    found_so_far = np.cumsum(judged.right[counted])
    return found_so_far / positives, found_so_far / np.arange(1, len(found_so_far) + 1)


def _eleven_points(recall: Values, precision: Values) -> float:
    """2007: the mean of the highest precision at a recall of at least 0, 0.1, ... 1."""
    # tenths as quotients, so that a recall of 3/10 reaches 0.3
    return float(np.mean([precision[recall >= tenth / 10].max(initial=0.0) for tenth in range(11)]))


def _area(recall: Values, precision: Values) -> float:
    """2010 on: the area under the precision that falls monotonically."""
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * envelope))
