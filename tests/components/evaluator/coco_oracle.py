"""pycocotools on the same images."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from pycocotools import mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from components.evaluator.detections import ImageDetections
from detection.config.label_map import LabelMap


def pycocotools_evaluation(images: list[ImageDetections], labels: LabelMap, kind: str = "bbox") -> COCOeval:
    """COCOeval, evaluated, accumulated and summarised."""
    truth: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    for number, image in enumerate(images):
        for index, (box, label) in enumerate(
            zip(image.groundtruth_boxes, image.groundtruth_classes, strict=True)
        ):
            xywh = _px(image, box)
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": number,
                    "category_id": int(label),
                    "bbox": xywh,
                    "area": xywh[2] * xywh[3],
                    "iscrowd": int(image.crowd[index]),
                }
            )
            if kind == "segm":
                one = image.groundtruth_masks[index]
                truth[-1] |= {"segmentation": one, "area": float(mask.area(one))}
        for index, (box, score, label) in enumerate(
            zip(image.detection_boxes, image.detection_scores, image.detection_classes, strict=True)
        ):
            found.append({"image_id": number, "category_id": int(label), "score": float(score)})
            if kind == "segm":
                found[-1]["segmentation"] = image.detection_masks[index]
            else:
                found[-1]["bbox"] = _px(image, box)
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [
                {"id": number, "height": image.height, "width": image.width}
                for number, image in enumerate(images)
            ],
            "categories": [{"id": item.id, "name": item.name} for item in labels.items],
            "annotations": truth,
        }
        coco.createIndex()
        evaluation = COCOeval(coco, coco.loadRes(found), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def _px(image: ImageDetections, box: Any) -> list[float]:
    ymin, xmin, ymax, xmax = (float(side) for side in box)
    return [
        xmin * image.width,
        ymin * image.height,
        (xmax - xmin) * image.width,
        (ymax - ymin) * image.height,
    ]
