"""The operating score, and what is counted at it."""

from __future__ import annotations

import pytest

from components.evaluator.detections import ImageDetections
from components.evaluator.matching import match
from components.evaluator.operating_point import operating_point
from components.evaluator.results import OperatingPoint
from tests.components.evaluator.drawn_sets import image_of, label_map, random_images

LABELS = label_map(a=1, b=2)


def image(
    truth: list[int], found: list[int], scores: list[float], crowd: int | None = None
) -> ImageDetections:
    """Objects of class 1 at the places `truth` (that at `crowd` is one), detections at `found`."""
    return image_of(truth, found, scores, crowd=[place == crowd for place in truth])


def point(*images: ImageDetections, score: float | None = None) -> OperatingPoint:
    return operating_point(match(images, [1, 2]), LABELS, score)


def test_a_given_score_is_used() -> None:
    found = point(image([0, 1, 2], [0, 1, 9], [0.9, 0.4, 0.6]), score=0.5)
    assert (found.score, found.source) == (0.5, "given")
    one = found.by_class["a"]
    assert (one.groundtruth, one.detections, one.true_positives) == (3, 2, 1)
    assert (one.precision, one.recall, one.f1) == (1 / 2, 1 / 3, 2 / 5)
    assert found.all == one


def test_the_score_with_the_best_f1_is_found() -> None:
    found = point(image([0, 1, 2], [0, 1, 8, 9], [0.9, 0.7, 0.6, 0.5]))
    assert found.source == "best F1" and found.score == pytest.approx(0.7)
    assert found.all.f1 == pytest.approx(4 / 5)


def test_a_score_does_not_part_equal_ones() -> None:
    found = point(image([0, 1], [0, 8, 9], [0.5, 0.5, 0.5]))
    assert (found.score, found.all.detections) == (0.5, 3)


def test_no_other_score_has_a_better_f1() -> None:
    images = random_images(1, levels=10)
    best = point(*images).all.f1 or 0.0
    matches = match(images, [1, 2])
    others = [operating_point(matches, LABELS, score / 100).all.f1 for score in range(101)]
    assert best == pytest.approx(max(others))


def test_crowds_are_neither_right_nor_wrong() -> None:
    found = point(image([0, 5], [0, 5, 5], [0.9, 0.8, 0.8], crowd=5), score=0.5)
    assert (found.all.groundtruth, found.all.detections, found.all.precision) == (1, 1, 1.0)


def test_what_can_not_be_divided_is_undefined() -> None:
    found = point(image([0], [0], [0.9]), score=0.5).by_class["b"]
    assert (found.precision, found.recall, found.f1) == (None, None, None)
    nothing = point(image([0], [9], [0.9]))
    assert (nothing.source, nothing.score, nothing.all.recall) == ("nothing found", 0.5, 0.0)
    assert point(image([], [], [])).all.f1 is None
