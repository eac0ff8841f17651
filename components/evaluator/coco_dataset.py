"""Images and detections as the data sets that COCO's evaluation reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from faster_coco_eval import COCO
from faster_coco_eval.core import mask

from components.evaluator.detections import ImageDetections, RleMask, boxes_xywh_px
from detection.config.label_map import LabelMap

Kind = Literal["bbox", "segm"]


def as_coco(images: Sequence[ImageDetections], label_map: LabelMap, kind: Kind) -> tuple[COCO, COCO]:
    """Groundtruth and detections; an area is that of the mask with `segm`, else of the box."""
    described = {
        "images": [{"id": i, "height": one.height, "width": one.width} for i, one in enumerate(images)],
        "categories": [{"id": item.id, "name": item.name} for item in label_map.items],
    }
    return (
        COCO(described | {"annotations": _groundtruth(images, kind)}),
        COCO(described | {"annotations": _detections(images, kind)}),
    )


def _groundtruth(images: Sequence[ImageDetections], kind: Kind) -> list[dict[str, Any]]:
    annotations = _annotations(
        images, [one.groundtruth_boxes for one in images], [one.groundtruth_classes for one in images]
    )
    crowds = np.concatenate([np.zeros(0, bool), *(one.crowd for one in images)])
    for index in np.flatnonzero(crowds).tolist():
        annotations[index]["iscrowd"] = 1
    if kind == "segm":
        _put_masks(annotations, [one for image in images for one in image.groundtruth_masks or ()])
    return annotations


def _detections(images: Sequence[ImageDetections], kind: Kind) -> list[dict[str, Any]]:
    annotations = _annotations(
        images, [one.detection_boxes for one in images], [one.detection_classes for one in images]
    )
    scores = np.concatenate([np.zeros(0), *(one.detection_scores.astype(np.float64) for one in images)])
    for annotation, score in zip(annotations, scores.tolist(), strict=True):
        annotation["score"] = score
    if kind == "segm":
        _put_masks(annotations, [one for image in images for one in image.detection_masks or ()])
    return annotations


def _annotations(
    images: Sequence[ImageDetections], boxes: list[np.ndarray], classes: list[np.ndarray]
) -> list[dict[str, Any]]:
    """One dictionary for each box, all images at once: 200,000 of them would take seconds one by one."""
    counts = [len(one) for one in classes]
    places = np.repeat(np.arange(len(images)), counts)
    sizes = np.array([[one.height, one.width] for one in images], np.float64).reshape(-1, 2)[places]
    xywh = boxes_xywh_px(np.concatenate([np.zeros((0, 4), np.float32), *boxes]), sizes)
    ids = np.concatenate([np.zeros(0, np.int64), *classes])
    columns = (places.tolist(), ids.tolist(), xywh.tolist(), (xywh[:, 2] * xywh[:, 3]).tolist())
    return [
        {"id": number, "image_id": place, "category_id": one, "bbox": box, "area": area, "iscrowd": 0}
        for number, (place, one, box, area) in enumerate(zip(*columns, strict=True), start=1)
    ]


def _put_masks(annotations: list[dict[str, Any]], masks: list[RleMask]) -> None:
    areas = mask.area(masks).tolist() if masks else []
    for annotation, one, area in zip(annotations, masks, areas, strict=True):
        annotation["segmentation"], annotation["area"] = one, area
