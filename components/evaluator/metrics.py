"""COCO detection metrics from arrays, computed by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from faster_coco_eval.core.faster_eval_api import COCOeval_faster
from numpy.typing import NDArray

from components.evaluator.coco_dataset import Kind, as_coco
from components.evaluator.detections import ImageDetections
from components.evaluator.results import ClassMetrics, Metrics
from detection.config.label_map import LabelMap

__all__ = ["ImageDetections", "coco_metrics", "has_masks"]

_SIZES = ("small", "medium", "large")  # COCO's area ranges: under 32^2, 96^2 pixels, and above
_MOST_DETECTIONS = (1, 10, 100)


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
    evaluation = COCOeval_faster(*as_coco(images, label_map, kind), iouType=kind)
    evaluation.params.maxDets = list(_MOST_DETECTIONS)
    evaluation.evaluate()
    evaluation.accumulate()
    # [IoU thresholds, recall thresholds, classes, areas, max detections]; -1 where there is no ground truth
    precision = np.asarray(evaluation.eval["precision"])[..., -1]
    all_recalls = np.asarray(evaluation.eval["recall"])
    recall = all_recalls[..., -1]
    iou = np.asarray(evaluation.params.iouThrs)
    at_50, at_75 = np.isclose(iou, 0.5), np.isclose(iou, 0.75)
    counted = [image.groundtruth_classes[~image.crowd] for image in images]
    boxes = np.concatenate([np.zeros(0, np.int64), *counted])
    items = sorted(label_map.items)  # by id, like the evaluation's classes
    by_class = {
        item.name: ClassMetrics(
            display_name=item.display_name,
            groundtruth_boxes=int(np.sum(boxes == item.id)),
            mAP=_mean(precision[:, :, index, 0]),
            mAP_50=_mean(precision[at_50, :, index, 0]),
            mAP_75=_mean(precision[at_75, :, index, 0]),
            recall_50=_mean(recall[at_50, index, 0]),
            by_size={size: _mean(precision[:, :, index, area]) for area, size in enumerate(_SIZES, start=1)},
        )
        for index, item in enumerate(items)
    }
    return Metrics(
        images=len(images),
        groundtruth_boxes=int(np.isin(boxes, [item.id for item in items]).sum()),
        mAP=_mean(precision[:, :, :, 0]),
        mAP_50=_mean(precision[at_50, :, :, 0]),
        mAP_75=_mean(precision[at_75, :, :, 0]),
        recall_50=_mean(recall[at_50, :, 0]),
        by_class=by_class,
        by_size={size: _mean(precision[:, :, :, area]) for area, size in enumerate(_SIZES, start=1)},
        average_recall={
            str(most): _mean(all_recalls[:, :, 0, index]) for index, most in enumerate(_MOST_DETECTIONS)
        },
        average_recall_by_size={size: _mean(recall[:, :, area]) for area, size in enumerate(_SIZES, start=1)},
    )


def has_masks(images: Sequence[ImageDetections]) -> bool:
    """Whether every image has masks of its objects and of what was found in it."""
    return bool(images) and all(
        one.groundtruth_masks is not None and one.detection_masks is not None for one in images
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    present = values[values > -1]
    return float(present.mean()) if present.size else None
