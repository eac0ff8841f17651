"""Sample pictures."""

from __future__ import annotations

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from faster_coco_eval.core import mask
from PIL import Image

from components.evaluator.detections import ImageDetections
from components.evaluator.mask_paths import mask_path
from components.evaluator.pictures import WIDTH_PX, choose_samples, make_picture

NAMES = {1: "stop", 2: "yield"}
SQUARES = np.array([[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9], [0.1, 0.6, 0.3, 0.8]], np.float32)


def image(truth: list[int], found: list[int], scores: list[float] | None = None) -> ImageDetections:
    return ImageDetections(
        height=600,
        width=800,
        groundtruth_boxes=SQUARES[: len(truth)],
        groundtruth_classes=np.array(truth, np.int64),
        detection_boxes=SQUARES[: len(found)],
        detection_scores=np.array(scores or [0.9] * len(found), np.float32),
        detection_classes=np.array(found, np.int64),
    )


def test_samples_go_from_best_to_worst() -> None:
    images = [image([1, 2], [2, 1]), image([1, 2], [1, 2]), image([1, 2], [1]), image([1], [])]
    assert choose_samples(images, 10, 0.5) == [1, 2, 0, 3]
    assert choose_samples(images, 2, 0.5) == [1, 3]
    assert choose_samples([], 6, 0.5) == []


def test_a_picture_without_objects_and_detections_is_as_good_as_it_gets() -> None:
    assert choose_samples([image([1], [2]), image([], [])], 2, 0.5) == [1, 0]


def test_found_and_wrong_are_counted_above_the_score_that_is_shown() -> None:
    pixels = np.zeros((600, 800, 3), np.uint8)
    picture = make_picture(image([1, 2, 1], [1, 1, 1], [0.9, 0.8, 0.4]), pixels, "a.jpg", NAMES, 0.5)
    assert (picture.found, picture.wrong) == (1, 1)
    assert [box.label for box in picture.predicted] == ["stop 0.90", "stop 0.80"]
    assert [box.label for box in picture.truth] == ["stop", "yield", "stop"]


def test_one_object_is_found_once() -> None:
    twice = image([1], [1, 1])
    twice = ImageDetections(**{**twice.__dict__, "detection_boxes": np.repeat(SQUARES[:1], 2, axis=0)})
    picture = make_picture(twice, np.zeros((600, 800, 3), np.uint8), "a.jpg", NAMES, 0.5)
    assert (picture.found, picture.wrong) == (1, 1)


def test_the_thumbnail_and_its_boxes_are_scaled_alike() -> None:
    pixels = np.full((600, 800, 3), 200, np.uint8)
    pixels[60:180, 80:240] = (0, 0, 250)
    picture = make_picture(image([1], []), pixels, "a.jpg", NAMES, 0.5)
    assert (picture.width, picture.height) == (WIDTH_PX, 360)
    data = base64.b64decode(picture.data_uri.removeprefix("data:image/jpeg;base64,"))
    thumbnail = np.asarray(Image.open(io.BytesIO(data)))
    assert thumbnail.shape == (360, 480, 3)
    (box,) = picture.truth
    assert (box.x, box.y, box.width, box.height) == pytest.approx((48, 36, 96, 72))
    inside = thumbnail[
        int(box.y) + 3 : int(box.y + box.height) - 3, int(box.x) + 3 : int(box.x + box.width) - 3
    ]
    assert inside[..., 2].min() > 230 and inside[..., 0].max() < 30


def test_masks_are_drawn_with_the_boxes_that_are_shown() -> None:
    left, right = np.zeros((2, 600, 800), np.uint8)
    left[60:180, 80:240], right[300:540, 400:720] = 1, 1
    masks = [dict(mask.encode(np.asfortranarray(pixels))) for pixels in (left, right)]
    found = replace(image([1, 2], [1, 2], [0.3, 0.9]), groundtruth_masks=masks, detection_masks=list(masks))
    picture = make_picture(found, np.zeros((600, 800, 3), np.uint8), "a.jpg", NAMES, 0.5)
    assert [box.mask for box in picture.truth] == [mask_path(one, 480, 360) for one in masks]
    assert [box.mask for box in picture.predicted] == [mask_path(masks[1], 480, 360)] != [""]
    assert {
        box.mask for box in make_picture(image([1], [1]), left[..., None].repeat(3, -1), "a", NAMES, 0).truth
    } == {""}
