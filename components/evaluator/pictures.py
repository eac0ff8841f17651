"""Sample pictures of the report: boxes laid over thumbnails, chosen from the best result to the worst."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.evaluator.metrics import ImageDetections

SCORE_SHOWN = 0.5
WIDTH_PX = 480
_IOU_MATCHED = 0.5


@dataclass(frozen=True)
class DrawnBox:
    """A box in pixels of the thumbnail, its label, and a colour's number."""

    x: float
    y: float
    width: float
    height: float
    label: str
    color: int


@dataclass(frozen=True)
class Picture:
    """A thumbnail with what is there and what was found; `found` counts the boxes that were detected."""

    filename: str
    data_uri: str
    width: int
    height: int
    truth: list[DrawnBox]
    predicted: list[DrawnBox]
    found: int
    wrong: int


def choose_samples(images: Sequence[ImageDetections], count: int) -> list[int]:
    """Return indices of `count` images at even distances from the best result to the worst.

    An image's result is its F1 score at IoU 0.5 among detections with a score of at least SCORE_SHOWN.
    """
    order = sorted(range(len(images)), key=lambda index: (-_f1(images[index]), index))
    picks = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [order[pick] for pick in picks]


def make_picture(
    image: ImageDetections, pixels: NDArray[np.uint8], filename: str, class_names: Mapping[int, str]
) -> Picture:
    """Scale `pixels` (uint8 [height, width, 3]) to a thumbnail and place the boxes on it."""
    width = min(WIDTH_PX, image.width)
    height = max(1, round(image.height * width / image.width))
    shown = image.detection_scores >= SCORE_SHOWN
    found, wrong = _count(image)
    truth_labels = [class_names[int(one)] for one in image.groundtruth_classes]
    labels = [
        f"{class_names[int(one)]} {score:.2f}"
        for one, score in zip(image.detection_classes[shown], image.detection_scores[shown], strict=True)
    ]
    return Picture(
        filename=filename,
        data_uri=_jpeg_uri(pixels, (width, height)),
        width=width,
        height=height,
        truth=_drawn(image.groundtruth_boxes, truth_labels, image.groundtruth_classes, width, height),
        predicted=_drawn(image.detection_boxes[shown], labels, image.detection_classes[shown], width, height),
        found=found,
        wrong=wrong,
    )


def _drawn(
    boxes: NDArray[np.float32], labels: list[str], classes: NDArray[np.int64], width: int, height: int
) -> list[DrawnBox]:
    scaled = np.clip(boxes, 0, 1) * np.array([height, width, height, width])
    return [
        DrawnBox(
            round(xmin, 1), round(ymin, 1), round(xmax - xmin, 1), round(ymax - ymin, 1), label, int(one)
        )
        for (ymin, xmin, ymax, xmax), label, one in zip(scaled.tolist(), labels, classes, strict=True)
    ]


def _jpeg_uri(pixels: NDArray[np.uint8], size: tuple[int, int]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _f1(image: ImageDetections) -> float:
    found, wrong = _count(image)
    total = 2 * found + wrong + (len(image.groundtruth_boxes) - found)
    return 2 * found / total if total else 1.0


def _count(image: ImageDetections) -> tuple[int, int]:
    """Match greedily by score; return how many objects were found and how many detections are wrong."""
    free = set(range(len(image.groundtruth_boxes)))
    found = wrong = 0
    for index in np.argsort(-image.detection_scores, kind="stable"):
        if image.detection_scores[index] < SCORE_SHOWN:
            break
        overlaps = _iou(image.detection_boxes[index], image.groundtruth_boxes)
        same = [i for i in free if image.groundtruth_classes[i] == image.detection_classes[index]]
        best = max(same, key=lambda i: overlaps[i], default=None)
        if best is not None and overlaps[best] >= _IOU_MATCHED:
            free.remove(best)
            found += 1
        else:
            wrong += 1
    return found, wrong


def _iou(box: NDArray[np.float32], boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Intersection over union of one box [4] with boxes [n, 4]."""
    corner = np.maximum(box[:2], boxes[:, :2])
    overlap = np.clip(np.minimum(box[2:], boxes[:, 2:]) - corner, 0, None).prod(axis=1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return overlap / np.maximum((box[2:] - box[:2]).prod() + area - overlap, 1e-12)
