"""COCO detection metrics from arrays, computed by faster-coco-eval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from faster_coco_eval import COCO
from faster_coco_eval.core.faster_eval_api import COCOeval_faster
from numpy.typing import NDArray

from components.evaluator.results import ClassMetrics, Metrics
from detection.config.label_map import LabelMap

_SIZES = ("all", "small", "medium", "large")  # COCO's area ranges: under 32^2, 96^2 pixels, and above


@dataclass(frozen=True)
class ImageDetections:
    """What one image holds and what a model found in it.

    Boxes are float32 [n, 4], `[ymin, xmin, ymax, xmax]` normalised; classes are int [n], ids of the data's
    label map; scores are float32 [n]. `height` and `width` are those of the original image, in pixels.
    """

    height: int
    width: int
    groundtruth_boxes: NDArray[np.float32]
    groundtruth_classes: NDArray[np.int64]
    detection_boxes: NDArray[np.float32]
    detection_scores: NDArray[np.float32]
    detection_classes: NDArray[np.int64]


def coco_metrics(images: Sequence[ImageDetections], label_map: LabelMap) -> Metrics:
    """Return COCO metrics over `images` for the classes of `label_map`.

    At most 100 detections an image count, as in COCO. A class without ground truth has metrics of None and
    takes no part in the means; a class with ground truth and no detections scores 0. Sizes are measured in
    pixels of the original image.
    """
    evaluation = COCOeval_faster(*_as_coco(images, label_map), iouType="bbox")
    evaluation.params.maxDets = [100]
    evaluation.evaluate()
    evaluation.accumulate()
    # [IoU thresholds, recall thresholds, classes, areas, max detections]; -1 where there is no ground truth
    precision = np.asarray(evaluation.eval["precision"])[..., 0]
    recall = np.asarray(evaluation.eval["recall"])[..., 0]
    iou = np.asarray(evaluation.params.iouThrs)
    at_50, at_75 = np.isclose(iou, 0.5), np.isclose(iou, 0.75)
    boxes = np.concatenate([np.zeros(0, np.int64), *(image.groundtruth_classes for image in images)])
    items = sorted(label_map.items)  # by id, like the evaluation's classes
    by_class = {
        item.name: ClassMetrics(
            display_name=item.display_name,
            groundtruth_boxes=int(np.sum(boxes == item.id)),
            mAP=_mean(precision[:, :, index, 0]),
            mAP_50=_mean(precision[at_50, :, index, 0]),
            mAP_75=_mean(precision[at_75, :, index, 0]),
            recall_50=_mean(recall[at_50, index, 0]),
        )
        for index, item in enumerate(items)
    }
    by_size = {size: _mean(precision[:, :, :, area]) for area, size in enumerate(_SIZES) if size != "all"}
    return Metrics(
        images=len(images),
        groundtruth_boxes=int(np.isin(boxes, [item.id for item in items]).sum()),
        mAP=_mean(precision[:, :, :, 0]),
        mAP_50=_mean(precision[at_50, :, :, 0]),
        mAP_75=_mean(precision[at_75, :, :, 0]),
        recall_50=_mean(recall[at_50, :, 0]),
        by_class=by_class,
        by_size=by_size,
    )


def _mean(values: NDArray[np.float64]) -> float | None:
    present = values[values > -1]
    return float(present.mean()) if present.size else None


def _as_coco(images: Sequence[ImageDetections], label_map: LabelMap) -> tuple[COCO, COCO]:
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for image_id, image in enumerate(images):
        boxes = _xywh_px(image.groundtruth_boxes, image)
        for box, class_id in zip(boxes, image.groundtruth_classes, strict=True):
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "bbox": box.tolist(),
                    "area": float(box[2] * box[3]),
                    "iscrowd": 0,
                }
            )
        detections = zip(
            _xywh_px(image.detection_boxes, image),
            image.detection_scores,
            image.detection_classes,
            strict=True,
        )
        for box, score, class_id in detections:
            found.append(
                {
                    "image_id": image_id,
                    "category_id": int(class_id),
                    "bbox": box.tolist(),
                    "score": float(score),
                }
            )
    dataset = {
        "images": [{"id": i, "height": m.height, "width": m.width} for i, m in enumerate(images)],
        "categories": [{"id": item.id, "name": item.name} for item in label_map.items],
        "annotations": truth,
    }
    coco = COCO(dataset)
    return coco, coco.loadRes(found)


def _xywh_px(boxes: NDArray[np.float32], image: ImageDetections) -> NDArray[np.float64]:
    ymin, xmin, ymax, xmax = boxes.astype(np.float64).reshape(-1, 4).T
    corner = np.stack([xmin * image.width, ymin * image.height], axis=-1)
    size = np.stack([(xmax - xmin) * image.width, (ymax - ymin) * image.height], axis=-1)
    return np.concatenate([corner, size], axis=-1)
