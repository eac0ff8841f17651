"""Sample pictures of the report, from the best result to the worst: thumbnails under boxes and masks."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.evaluator.detections import MATCHED_IOU, ImageDetections, RleMask, overlaps
from components.evaluator.mask_paths import mask_path

WIDTH_PX = 480


@dataclass(frozen=True)
class DrawnBox:
    """A box in pixels of the thumbnail, its label, a colour's number, and its mask as an SVG path, or ""."""

    x: float
    y: float
    width: float
    height: float
    label: str
    color: int
    mask: str = ""


@dataclass(frozen=True)
class Picture:
    """A thumbnail with what is there and what was found; `found` of `objects` were detected."""

    filename: str
    data_uri: str
    width: int
    height: int
    truth: list[DrawnBox]
    predicted: list[DrawnBox]
    objects: int
    found: int
    wrong: int


def choose_samples(images: Sequence[ImageDetections], count: int, score: float) -> list[int]:
    """Return indices of `count` images at even distances from the best result to the worst.

    An image's result is its F1 score at IoU 0.5 among detections with at least `score`.
    """
    order = sorted(range(len(images)), key=lambda index: (-_f1(images[index], score), index))
    picks = np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)
    return [order[pick] for pick in picks]


def make_picture(
    image: ImageDetections,
    pixels: NDArray[np.uint8],
    filename: str,
    class_names: Mapping[int, str],
    score: float,
) -> Picture:
    """Scale `pixels` (uint8 [height, width, 3]) to a thumbnail; place boxes with at least `score` on it."""
    width = min(WIDTH_PX, image.width)
    height = max(1, round(image.height * width / image.width))
    shown = np.flatnonzero(image.detection_scores >= np.float32(score))
    found, wrong = _count(image, score)
    truth_labels = [class_names[int(one)] for one in image.groundtruth_classes]
    labels = [
        f"{class_names[int(one)]} {sure:.2f}"
        for one, sure in zip(image.detection_classes[shown], image.detection_scores[shown], strict=True)
    ]
    return Picture(
        filename=filename,
        data_uri=_jpeg_uri(pixels, (width, height)),
        width=width,
        height=height,
        truth=_drawn(
            image.groundtruth_boxes,
            truth_labels,
            image.groundtruth_classes,
            image.groundtruth_masks or (),
            (width, height),
        ),
        predicted=_drawn(
            image.detection_boxes[shown],
            labels,
            image.detection_classes[shown],
            [image.detection_masks[index] for index in shown.tolist()] if image.detection_masks else (),
            (width, height),
        ),
        objects=int((~image.crowd).sum()),
        found=found,
        wrong=wrong,
    )


def _drawn(
    boxes: NDArray[np.float32],
    labels: list[str],
    classes: NDArray[np.int64],
    masks: Sequence[RleMask],
    size: tuple[int, int],
) -> list[DrawnBox]:
    width, height = size
    scaled = np.clip(boxes, 0, 1) * np.array([height, width, height, width])
    paths = [mask_path(mask, width, height) for mask in masks] or [""] * len(labels)
    return [
        DrawnBox(
            round(xmin, 1),
            round(ymin, 1),
            round(xmax - xmin, 1),
            round(ymax - ymin, 1),
            label,
            int(one),
            path,
        )
        for (ymin, xmin, ymax, xmax), label, one, path in zip(
            scaled.tolist(), labels, classes, paths, strict=True
        )
    ]


def _jpeg_uri(pixels: NDArray[np.uint8], size: tuple[int, int]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS).save(stream, "JPEG", quality=82)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def _f1(image: ImageDetections, score: float) -> float:
    found, wrong = _count(image, score)
    total = 2 * found + wrong + (int((~image.crowd).sum()) - found)
    return 2 * found / total if total else 1.0


def _count(image: ImageDetections, score: float) -> tuple[int, int]:
    """Match greedily by score within classes: how many objects were found, how many detections are wrong."""
    order = np.argsort(-image.detection_scores, kind="stable")
    order = order[image.detection_scores[order] >= np.float32(score)]
    same = image.detection_classes[order][:, None] == image.groundtruth_classes[None]
    iou = np.where(same, overlaps(image, order), 0.0)
    free = ~image.crowd
    found = wrong = 0
    for row in iou:
        near = np.where(free, row, 0.0)
        if len(row) and near.max() >= MATCHED_IOU:
            free[near.argmax()] = False
            found += 1
        elif not (row[image.crowd] >= MATCHED_IOU).any():
            wrong += 1
    return found, wrong
