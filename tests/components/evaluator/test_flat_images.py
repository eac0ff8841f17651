"""Boxes of all images at once: the same pairs and overlaps as image by image."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator import flat_images
from components.evaluator.detections import overlaps
from components.evaluator.flat_images import (
    Pairs,
    box_overlaps,
    count_up,
    flatten,
    groups_by_class,
    near_pairs,
)
from tests.components.evaluator.drawn_sets import SETS, image_of, random_images


def all_pairs(images: list) -> Pairs:
    flat = flatten(images)
    return near_pairs(flat, groups_by_class(flat), np.arange(len(flat.scores)), box_overlaps)


@pytest.mark.parametrize("name", SETS)
def test_pairs_are_those_of_each_image_alone(name: str) -> None:
    images, _ = SETS[name]()
    expected, first_found, first_object = [], 0, 0
    for image in images:
        iou = overlaps(image, np.arange(len(image.detection_scores)))
        same = image.detection_classes[:, None] == image.groundtruth_classes[None]
        for row, column in np.argwhere(same & (iou >= 0.5)).tolist():
            expected.append((first_found + row, first_object + column, iou[row, column]))
        first_found += len(image.detection_scores)
        first_object += len(image.groundtruth_classes)
    pairs = all_pairs(images)
    found = zip(pairs.detection.tolist(), pairs.object.tolist(), pairs.iou.tolist(), strict=True)
    assert list(found) == expected
    assert expected


def test_how_many_are_compared_at_a_time_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    images = random_images(1, crowds=0.2)
    whole = all_pairs(images)
    for size in (1, 7, 100):
        monkeypatch.setattr(flat_images, "_PAIRS_AT_A_TIME", size)
        part = all_pairs(images)
        for name in ("detection", "object", "iou"):
            np.testing.assert_array_equal(getattr(part, name), getattr(whole, name))


def test_turns_fall_with_the_score_and_equal_ones_keep_their_order() -> None:
    flat = flatten([image_of([0], [0, 1, 2], [0.5, 0.9, 0.5]), image_of([0], [0, 1], [0.1, 0.2])])
    assert flat.turns(flat.detections.image, np.arange(5)).tolist() == [1, 0, 2, 1, 0]
    assert flat.turns(flat.detections.image, np.array([0, 2, 3])).tolist() == [0, 1, 0]


def test_counting_up() -> None:
    assert count_up(np.array([3, 3, 0, 5, 5, 5])).tolist() == [0, 1, 0, 0, 1, 2]
    assert count_up(np.array([], np.int64)).tolist() == []


@pytest.mark.parametrize("images", [[], [image_of([], [], [])], [image_of([0, 1], [], [])]])
def test_nothing_lies_on_nothing(images: list) -> None:
    assert len(all_pairs(images).detection) == 0
    assert flatten(images).count == len(images)
