"""COCO detection metrics from arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from components.evaluator.average_precision import RECALLS, precision_at_recalls
from components.evaluator.detections import ImageDetections
from components.evaluator.flat_images import count_up
from components.evaluator.matching import IOU_THRESHOLDS, ClassMatches, Kind, Matches, Size, match
from components.evaluator.results import ClassMetrics, Metrics
from detection.config.label_map import LabelMap

__all__ = ["ImageDetections", "coco_metrics", "has_masks", "metrics_of"]

_SIZES: tuple[Size, ...] = get_args(Size)
_MOST_DETECTIONS = (1, 10, 100)
_AT_50, _AT_75 = [0], [5]  # of IOU_THRESHOLDS


def coco_metrics(images: Sequence[ImageDetections], label_map: LabelMap, kind: Kind = "bbox") -> Metrics:
    """Return COCO metrics over `images` for the classes of `label_map`.

    At most 100 detections of a class in an image count, as in COCO. A class without ground truth has metrics
    of None and takes no part in the means; a class with ground truth and no detections scores 0. Crowds are
    no ground truth: detections on them are ignored. Sizes are measured in pixels of the original image.

    Args:
      images: groundtruth and detections.
      label_map: the classes.
      kind: whether boxes are compared, or masks (segm), which every image must then have.
    """
    return metrics_of(match(images, [item.id for item in label_map.items], kind), images, label_map)


def metrics_of(matches: Matches, images: Sequence[ImageDetections], label_map: LabelMap) -> Metrics:
    """The same from the matches of `images`, for each class of `label_map`."""
    items = sorted(label_map.items)  # by id, as in COCO
    tables = [_tables(matches, item.id) for item in items]
    precision = np.stack([one.precision for one in tables], axis=2)
    recall = np.stack([one.recall for one in tables], axis=1)
    few = np.stack([one.recall_of_few for one in tables], axis=1)
    counted = [one.groundtruth_classes[~one.crowd] for one in images]
    boxes = np.concatenate([np.zeros(0, np.int64), *counted])
    by_class = {
        item.name: ClassMetrics(
            display_name=item.display_name,
            groundtruth_boxes=int(np.sum(boxes == item.id)),
            mAP=_mean(precision[:, :, index, 0]),
            mAP_50=_mean(precision[_AT_50, :, index, 0]),
            mAP_75=_mean(precision[_AT_75, :, index, 0]),
            recall_50=_mean(recall[_AT_50, index, 0]),
            by_size={
                size: _mean(precision[:, :, index, area]) for area, size in enumerate(_SIZES) if size != "all"
            },
        )
        for index, item in enumerate(items)
    }
    return Metrics(
        images=len(images),
        groundtruth_boxes=int(np.isin(boxes, [item.id for item in items]).sum()),
        mAP=_mean(precision[:, :, :, 0]),
        mAP_50=_mean(precision[_AT_50, :, :, 0]),
        mAP_75=_mean(precision[_AT_75, :, :, 0]),
        recall_50=_mean(recall[_AT_50, :, 0]),
        by_class=by_class,
        by_size={size: _mean(precision[:, :, :, area]) for area, size in enumerate(_SIZES) if size != "all"},
        average_recall={str(most): _mean(few[..., index]) for index, most in enumerate(_MOST_DETECTIONS)},
        average_recall_by_size={
            size: _mean(recall[:, :, area]) for area, size in enumerate(_SIZES) if size != "all"
        },
    )


def has_masks(images: Sequence[ImageDetections]) -> bool:
    """Whether every image has masks of its objects and of what was found in it."""
    return bool(images) and all(
        one.groundtruth_masks is not None and one.detection_masks is not None for one in images
    )


@dataclass(frozen=True)
class _Tables:
    """What COCO accumulates for one class; -1 where there is no groundtruth.

    `precision` is [IoU thresholds, recall thresholds, sizes], `recall` [IoU thresholds, sizes], and
    `recall_of_few` [IoU thresholds, numbers of detections].
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    recall_of_few: NDArray[np.float64]


def _tables(matches: Matches, class_id: int) -> _Tables:
    thresholds = len(IOU_THRESHOLDS)
    precision = np.full((thresholds, len(RECALLS), len(_SIZES)), -1.0)
    recall = np.full((thresholds, len(_SIZES)), -1.0)
    recall_of_few = np.full((thresholds, len(_MOST_DETECTIONS)), -1.0)
    for area, size in enumerate(_SIZES):
        mine = matches.of_size(class_id, size)
        positives = mine.groundtruth.sum()
        if not positives:
            continue
        recall[:, area] = mine.right.sum(axis=1) / positives
        for threshold in range(thresholds):
            precision[threshold, :, area] = precision_at_recalls(mine, threshold)
        if size == "all":
            places = _places(mine)
            for index, most in enumerate(_MOST_DETECTIONS):
                recall_of_few[:, index] = (mine.right & (places < most)).sum(axis=1) / positives
    return _Tables(precision, recall, recall_of_few)


def _places(matches: ClassMatches) -> NDArray[np.int64]:
    """The place of each detection by falling score among those of its image, from 0."""
    order = np.argsort(matches.image, kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = count_up(matches.image[order])
    return places


def _mean(values: NDArray[np.float64]) -> float | None:
    present = values[values > -1]
    return float(present.mean()) if present.size else None
