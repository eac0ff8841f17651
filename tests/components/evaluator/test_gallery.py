"""Which pictures are made, and what is drawn on them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from components.evaluator.detections import ImageDetections
from components.evaluator.gallery import make_gallery
from tests.components.evaluator.drawn_sets import CORNERS, image_of


def image(truth: list[int], found: list[int], classes: list[int], scores: list[float]) -> ImageDetections:
    """Objects of class 1 at CORNERS[truth]; detections at CORNERS[found]."""
    return image_of(truth, found, scores, classes, places=CORNERS, size=(60, 80))


def test_a_mistake_is_drawn_alone() -> None:
    images = [
        image([0, 1], [0, 2, 1], [1, 2, 1], [0.9, 0.8, 0.2]),  # one wrong, one missed
        image([0], [0], [1], [0.9]),
    ]
    decoded = []

    def pixels(index: int) -> Callable[[], np.ndarray]:
        return lambda: decoded.append(index) or np.zeros((60, 80, 3), np.uint8)

    examples = [(pixels(index), f"{index}.jpg") for index in range(2)]
    gallery = make_gallery(images, examples, {1: "stop", 2: "yield"}, 0.5)
    assert [one.filename for one in gallery.samples] == ["1.jpg", "0.jpg"]
    assert len(gallery.samples[1].truth) == len(gallery.samples[1].predicted) == 2
    (wrong,) = gallery.false_positives
    assert [one.label for one in wrong.predicted] == ["yield 0.80"] and len(wrong.truth) == 2
    (missed,) = gallery.misses
    assert [(one.x, one.label) for one in missed.truth] == [(40.0, "stop")] and len(missed.predicted) == 2
    assert (missed.objects, missed.found, missed.wrong) == (2, 1, 1)
    assert decoded == [0, 1], "each once, though shown several times"


def test_only_chosen_pictures_are_decoded() -> None:
    images = [image([0], [0], [1], [0.9]) for _ in range(40)]
    decoded = []
    examples = [
        (lambda index=index: decoded.append(index) or np.zeros((60, 80, 3), np.uint8), "x.jpg")
        for index in range(40)
    ]
    gallery = make_gallery(images, examples, {1: "stop"}, 0.5)
    assert len(decoded) == len(gallery.samples) == 6
    assert gallery.false_positives == gallery.misses == []
