"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import MATCHED_IOU, ImageDetections, overlaps
from components.evaluator.results import ConfusionMatrix
from detection.config.label_map import LabelMap


def pair(image: ImageDetections, score: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair detections with objects whatever their classes, by falling score, each with the best free one.

    Returns the detections with at least `score`, less those that lie on a crowd, and the object of each (-1:
    of none), int64 [n]. Indices are the image's.
    """
    order = np.argsort(-image.detection_scores, kind="stable")
    order = order[image.detection_scores[order] >= np.float32(score)]
    iou = overlaps(image, order)
    free = ~image.crowd
    found, objects = [], []
    for row, index in enumerate(order.tolist()):
        values = np.where(free, iou[row], -1.0)
        best = int(values.argmax()) if len(values) else -1
        if best >= 0 and values[best] >= MATCHED_IOU:
            free[best] = False
        elif (iou[row][image.crowd] >= MATCHED_IOU).any():
            continue
        else:
            best = -1
        found.append(index)
        objects.append(best)
    return np.array(found, np.int64), np.array(objects, np.int64)


def confusion_matrix(images: Sequence[ImageDetections], label_map: LabelMap, score: float) -> ConfusionMatrix:
    """Count pairs with at least `score` at IoU 0.5; crowds are neither objects nor background."""
    ids = [item.id for item in label_map.items]
    row_of = {class_id: row for row, class_id in enumerate(ids)}
    background = len(ids)
    counts = np.zeros((background + 1, background + 1), np.int64)
    for image in images:
        found, objects = pair(image, score)
        for index, target in zip(found.tolist(), objects.tolist(), strict=True):
            truth = row_of[int(image.groundtruth_classes[target])] if target >= 0 else background
            counts[truth, row_of[int(image.detection_classes[index])]] += 1
        missed = np.setdiff1d(np.flatnonzero(~image.crowd), objects)
        for class_id in image.groundtruth_classes[missed].tolist():
            counts[row_of[class_id], background] += 1
    return ConfusionMatrix(classes=label_map.names, counts=counts.tolist())
