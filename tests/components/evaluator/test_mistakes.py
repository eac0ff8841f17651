"""The worst false positives and misses."""

from __future__ import annotations

from components.evaluator.detections import ImageDetections
from components.evaluator.mistakes import Mistake, worst_false_positives, worst_misses
from tests.components.evaluator.drawn_sets import CORNERS, image_of


def image(truth: list[int], found: list[int], classes: list[int], scores: list[float]) -> ImageDetections:
    """Objects of class 1 at CORNERS[truth]; detections at CORNERS[found]."""
    return image_of(truth, found, scores, classes, places=CORNERS, size=(600, 800))


def test_the_surest_wrong_detection_of_each_image() -> None:
    images = [
        image([0], [0, 1, 2], [1, 1, 1], [0.99, 0.6, 0.8]),  # of nothing
        image([0], [0], [2], [0.9]),  # of another class
        image([0], [0], [1], [0.95]),  # right
        image([], [0], [1], [0.4]),  # below the score
    ]
    assert worst_false_positives(images, 0.5, 5) == [Mistake(1, 0), Mistake(0, 2)]
    assert worst_false_positives(images, 0.5, 1) == [Mistake(1, 0)]
    assert worst_false_positives(images, 0.3, 5)[-1] == Mistake(3, 0)


def test_the_largest_missed_object_of_each_image() -> None:
    images = [
        image([0, 2], [], [], []),
        image([0, 1], [0], [1], [0.9]),
        image([1], [1], [1], [0.9]),
        image([1], [1], [2], [0.9]),  # taken for another class: not missed
    ]
    assert worst_misses(images, 0.5, 5) == [Mistake(1, 1), Mistake(0, 0)]
    assert worst_misses(images, 0.95, 1) == [Mistake(1, 1)]


def test_a_perfect_model_has_none() -> None:
    images = [image([0], [0], [1], [0.9]), image([], [], [], [])]
    assert worst_false_positives(images, 0.5, 5) == worst_misses(images, 0.5, 5) == []
