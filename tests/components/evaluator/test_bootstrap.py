"""Intervals of differences."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from components.evaluator.bootstrap import Resamples, difference, resample
from components.evaluator.detections import ImageDetections
from components.evaluator.matching import match
from components.evaluator.metrics import coco_metrics
from components.evaluator.results import Difference
from tests.components.evaluator.drawn_sets import LABELS, random_images

RESAMPLES = Resamples(count=300, confidence=0.95, seed=17)


def without(images: list[ImageDetections], share: float, seed: int = 0) -> list[ImageDetections]:
    """The same model, with a share of its detections lost."""
    rng = np.random.default_rng(seed)
    made = []
    for one in images:
        kept = rng.uniform(size=len(one.detection_scores)) >= share
        made.append(
            replace(
                one,
                detection_boxes=one.detection_boxes[kept],
                detection_scores=one.detection_scores[kept],
                detection_classes=one.detection_classes[kept],
            )
        )
    return made


def compared(new: list[ImageDetections], old: list[ImageDetections], resamples=RESAMPLES) -> Difference:
    values = [
        resample(match(one, [1, 2, 5]), resamples, ["mAP_50"]).mean([1, 2, 5], "mAP_50") for one in (new, old)
    ]
    return difference(*values, resamples.confidence)


def test_the_measured_values_are_coco_s() -> None:
    old = random_images(0, count=60)
    new = without(old, 0.3)
    found = compared(new, old)
    assert found.candidate == pytest.approx(coco_metrics(new, LABELS).mAP_50, abs=1e-12)
    assert found.baseline == pytest.approx(coco_metrics(old, LABELS).mAP_50, abs=1e-12)
    assert found.low < found.candidate - found.baseline < found.high < 0


def test_a_model_does_not_differ_from_itself() -> None:
    images = random_images(1)
    found = compared(images, images)
    assert (found.low, found.high) == (0.0, 0.0)


def test_the_same_seed_gives_the_same_interval() -> None:
    old = random_images(2)
    new = without(old, 0.1)
    assert compared(new, old) == compared(new, old)
    assert compared(new, old) != compared(new, old, replace(RESAMPLES, seed=18))


def test_noise_is_inside_the_interval_and_a_loss_is_not() -> None:
    """Of two models that lose detections by chance alike, the difference is noise."""
    images = random_images(3, count=80)
    alike = compared(without(images, 0.2, seed=1), without(images, 0.2, seed=2))
    assert alike.low < 0 < alike.high
    assert compared(without(images, 0.5), images).high < -0.05


def test_the_interval_covers_the_difference_of_many_images() -> None:
    """Of 25 draws of 40 images, nearly all intervals hold what 1,000 images say."""
    old = random_images(4, count=1000, most=5)
    new = without(old, 0.15)
    truth = compared(new, old, replace(RESAMPLES, count=100))
    held = 0
    for start in range(0, 1000, 40):
        part = slice(start, start + 40)
        found = compared(new[part], old[part])
        held += found.low <= truth.candidate - truth.baseline <= found.high
    assert held >= 20  # 24 of 25 are to be expected


def test_more_confidence_is_a_wider_interval() -> None:
    old = random_images(5)
    new = without(old, 0.2)
    narrow, wide = (compared(new, old, replace(RESAMPLES, confidence=one)) for one in (0.8, 0.99))
    assert wide.low <= narrow.low and narrow.high <= wide.high


def test_a_class_without_groundtruth_is_undefined_in_all_draws() -> None:
    found = resample(match(random_images(6), [5]), RESAMPLES, ["mAP_50"]).mean([5], "mAP_50")
    assert difference(found, found, 0.95) == Difference(candidate=None, baseline=None)


def test_no_interval_where_half_of_the_draws_are_undefined() -> None:
    values = np.array([0.5, np.nan, np.nan, 0.4, 0.3])
    assert difference(values, values, 0.95).low is None
    assert difference(values[2:], values[2:], 0.95).low == 0.0


def test_no_images() -> None:
    found = resample(match([], [1]), RESAMPLES, ["mAP"]).mean([1], "mAP")
    assert difference(found, found, 0.95) == Difference(candidate=None, baseline=None)


def test_it_is_fast() -> None:
    """500 draws of 200 images with up to 60 detections each, at ten thresholds, take a second or two."""
    matches = match(random_images(7, count=200, most=30), [1, 2])
    started = time.process_time()
    resample(matches, Resamples(500, 0.95, 0), ["mAP", "mAP_50", "mAP_75"])
    assert time.process_time() - started < 20
