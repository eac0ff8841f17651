"""Reliability of scores."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator.calibration import calibration
from components.evaluator.matching import ClassMatches


def matches(scores: list[float], right: list[bool], ignored: list[bool] | None = None) -> ClassMatches:
    flags = np.repeat(np.array([right], bool), 10, axis=0)
    skipped = np.repeat(np.array([ignored or [False] * len(right)], bool), 10, axis=0)
    return ClassMatches(
        np.zeros(len(scores), np.int64), np.array(scores), flags, skipped, np.array([len(scores)])
    )


def test_by_hand() -> None:
    found = calibration({1: matches([0.95, 0.91, 0.12], [True, False, False])})
    last, second = found.bins[9], found.bins[1]
    assert (last.low, last.high, last.detections, last.precision) == (0.9, 1.0, 2, 0.5)
    assert last.mean_score == pytest.approx(0.93)
    assert (second.detections, second.precision) == (1, 0.0)
    assert found.error == pytest.approx(2 / 3 * 0.43 + 1 / 3 * 0.12)
    assert found.bins[5].mean_score is None and found.bins[5].precision is None


def test_scores_that_say_the_truth_have_no_error() -> None:
    scores = [0.25] * 4 + [0.75] * 4
    found = calibration({1: matches(scores, [True, False, False, False, True, True, True, False])})
    assert found.error == pytest.approx(0.0)


def test_classes_are_taken_together_and_crowds_left_out() -> None:
    found = calibration({1: matches([1.0, 0.5], [True, False], [False, True]), 2: matches([0.99], [False])})
    assert (found.bins[9].detections, found.bins[9].precision) == (2, 0.5)
    assert found.bins[5].detections == 0


def test_nothing_found_is_undefined() -> None:
    assert calibration({1: matches([], [])}).error is None
    assert calibration({}).error is None
