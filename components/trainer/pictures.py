"""Pictures for TensorBoard: what the network is given, with boxes drawn on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from components.evaluator.metrics import ImageDetections
from detection.detector import Detector

_LONG_SIDE_PX = 480
_SCORE_SHOWN = 0.5
_TRUTH, _FOUND = (60, 220, 90), (255, 70, 200)


def visible_pixels(detector: Detector, image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The pixels, uint8 [H, W, 3], of one image [H, W, 3] as the network gets it.

    Every model's normalisation is linear in each channel: black and white show which line it is.
    """
    ends = [detector.preprocess(tf.fill([1, 8, 8, 3], value))[0, 0, 0].numpy() for value in (0.0, 255.0)]
    pixels = (image - ends[0]) / (ends[1] - ends[0]) * 255.0
    return np.clip(np.round(pixels), 0, 255).astype(np.uint8)


def draw(
    pixels: NDArray[np.uint8], image: ImageDetections, class_names: Mapping[int, str]
) -> NDArray[np.uint8]:
    """The picture, at most 480 pixels long: objects green, detections from score 0.5 on pink with it."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((_LONG_SIDE_PX, _LONG_SIDE_PX))
    canvas = ImageDraw.Draw(picture)
    truth = [class_names.get(int(one), str(one)) for one in image.groundtruth_classes]
    _draw_boxes(canvas, picture.size, image.groundtruth_boxes, truth, _TRUTH, below=False)
    shown = image.detection_scores >= _SCORE_SHOWN
    found = [
        f"{class_names[int(one)]} {score:.2f}"
        for one, score in zip(image.detection_classes[shown], image.detection_scores[shown], strict=True)
    ]
    _draw_boxes(canvas, picture.size, image.detection_boxes[shown], found, _FOUND, below=True)
    return np.asarray(picture)


def _draw_boxes(
    canvas: ImageDraw.ImageDraw,
    size: tuple[int, int],
    boxes: NDArray[np.float32],
    labels: Sequence[str],
    color: tuple[int, int, int],
    *,
    below: bool,
) -> None:
    width, height = size
    font = ImageFont.load_default(11)
    for (ymin, xmin, ymax, xmax), label in zip(np.clip(boxes, 0, 1).tolist(), labels, strict=True):
        left, top, right, bottom = xmin * width, ymin * height, xmax * width, ymax * height
        if not (left <= right and top <= bottom):  # a box that is none, NaN too
            continue
        canvas.rectangle((left, top, right, bottom), outline=color, width=2)
        text = canvas.textbbox((0, 0), label, font=font)
        at = (left + 2, min(bottom, height - text[3]) if below else max(0.0, top - text[3]))
        canvas.rectangle((at[0] - 2, at[1], at[0] + text[2] + 1, at[1] + text[3]), fill=color)
        canvas.text(at, label, fill=(0, 0, 0), font=font)
