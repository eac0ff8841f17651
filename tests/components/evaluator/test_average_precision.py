"""The matches give COCO's average precision, of the images themselves and of any draw of them."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator.average_precision import average_precision, precision_at_recalls
from components.evaluator.matching import match
from tests.components.evaluator.coco_oracle import pycocotools_evaluation
from tests.components.evaluator.drawn_sets import LABELS, SETS, random_images


@pytest.mark.parametrize("name", SETS)
def test_it_equals_pycocotools_by_class_and_threshold(name: str) -> None:
    images, labels = SETS[name]()
    expected = pycocotools_evaluation(images, labels).eval["precision"][:, :, :, 0, 2]
    matches = match(images, [item.id for item in labels.items])
    ones = np.ones((1, len(images)), np.int64)
    for index, item in enumerate(labels.items):
        (ours,) = average_precision(matches[item.id], ones)
        curve = precision_at_recalls(matches[item.id])
        if (expected[:, :, index] == -1).all():
            assert np.isnan(ours).all() and curve is None
        else:
            assert ours == pytest.approx(expected[:, :, index].mean(axis=1), abs=1e-12)
            assert curve == pytest.approx(expected[0, :, index], abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_a_number_of_copies(seed: int) -> None:
    images = random_images(seed, count=15, crowds=0.1, most=6)
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(15, np.full(15, 1 / 15), 3)
    matches = match(images, [1, 2])
    for row, weight in enumerate(weights):
        drawn = [image for image, times in zip(images, weight, strict=True) for _ in range(times)]
        expected = pycocotools_evaluation(drawn, LABELS).eval["precision"][:, :, :, 0, 2]
        for index, class_id in enumerate((1, 2)):
            ours = average_precision(matches[class_id], weights)[row]
            assert ours == pytest.approx(expected[:, :, index].mean(axis=1), abs=1e-12)


def test_a_subset_is_the_images_alone() -> None:
    images = random_images(4, count=20, crowds=0.1)
    some = np.array([2, 3, 11, 19])
    part = match(images, [1])[1].subset(some)
    alone = match([images[index] for index in some], [1])[1]
    for name in ("image", "scores", "right", "ignored", "groundtruth"):
        np.testing.assert_array_equal(getattr(part, name), getattr(alone, name))


def test_some_thresholds() -> None:
    images = random_images(5)
    matches = match(images, [1])[1]
    ones = np.ones((1, len(images)), np.int64)
    np.testing.assert_array_equal(
        average_precision(matches, ones, np.array([0, 5])), average_precision(matches, ones)[:, [0, 5]]
    )


def test_a_draw_without_the_class_is_undefined() -> None:
    images = random_images(6, count=2, empty=0)
    matches = match(images, [1, 5])
    nothing = np.zeros((1, 2), np.int64)
    assert np.isnan(average_precision(matches[1], nothing)).all()
    assert np.isnan(average_precision(matches[5], np.ones((1, 2), np.int64))).all()


def test_how_many_weightings_are_computed_at_a_time_makes_no_difference(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = random_images(6, crowds=0.2)
    matches = match(images, [1])[1]
    weights = np.random.default_rng(0).multinomial(len(images), np.full(len(images), 1 / len(images)), 20)
    whole = average_precision(matches, weights)
    monkeypatch.setattr("components.evaluator.average_precision._MOST_NUMBERS", 1)
    np.testing.assert_array_equal(average_precision(matches, weights), whole)
    assert len(np.unique(whole[:, 0])) > 10
