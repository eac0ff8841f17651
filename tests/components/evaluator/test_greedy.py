"""Who takes which object."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluator import greedy
from components.evaluator.flat_images import Pairs
from components.evaluator.greedy import Rules, take_objects

NONE = [False] * 4


def taken(
    pairs: list[tuple[int, int, float]],
    *,
    ignored: list[bool] = NONE,
    shared: list[bool] = NONE,
    least_iou: tuple[float, ...] = (0.5,),
    last_of_equals: bool = True,
) -> list[list[int]]:
    """What each detection takes; pairs are (detection, object, IoU), detections by falling score."""
    detection, objects, iou = (np.array(column) for column in zip(*pairs, strict=True))
    rules = Rules(
        np.array(least_iou),
        np.repeat(np.array(ignored)[:, None], len(least_iou), axis=1),
        np.array(shared),
        last_of_equals,
    )
    found = take_objects(Pairs(detection, objects, iou), turns=detection, rules=rules)
    assert found.detection.tolist() == sorted({one for one, _, _ in pairs})
    return found.object.tolist()


def test_the_surest_takes_the_best_and_the_next_what_is_left() -> None:
    assert taken([(0, 0, 0.7), (0, 1, 0.9), (1, 0, 0.6), (1, 1, 0.8), (2, 1, 0.95)]) == [[1], [0], [-1]]


def test_each_threshold_is_counted_on_its_own() -> None:
    pairs = [(0, 0, 0.6), (1, 0, 0.9)]
    assert taken(pairs, least_iou=(0.5, 0.75)) == [[0, -1], [-1, 0]]


def test_of_equals_the_last_or_the_first() -> None:
    pairs = [(0, 0, 0.8), (0, 1, 0.8)]
    assert taken(pairs) == [[1]]
    assert taken(pairs, last_of_equals=False) == [[0]]


def test_ignored_objects_are_taken_last() -> None:
    pairs = [(0, 0, 0.9), (0, 1, 0.6), (1, 0, 0.9), (1, 1, 0.6), (2, 0, 0.9)]
    assert taken(pairs, ignored=[True, False, False, False]) == [[1], [0], [-1]]


def test_shared_objects_are_taken_again_and_again() -> None:
    pairs = [(0, 0, 0.9), (1, 0, 0.8), (2, 0, 0.7)]
    assert taken(pairs, ignored=[True, *NONE[1:]], shared=[True, *NONE[1:]]) == [[0], [0], [0]]


def test_how_many_are_looked_at_together_makes_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    groups, size = 40, 6
    # a group's detections lie on its own objects alone
    detection = np.repeat(np.arange(groups * size), size)
    objects = (detection // size) * size + np.tile(np.arange(size), groups * size)
    near = rng.uniform(size=len(detection)) < 0.7
    pairs = Pairs(detection[near], objects[near], rng.uniform(0.5, 1, near.sum()).round(1))
    rules = Rules(
        np.array([0.5, 0.8]),
        rng.uniform(size=(groups * size, 2)) < 0.3,
        rng.uniform(size=groups * size) < 0.2,
    )
    whole = take_objects(pairs, pairs.detection % size, rules)
    for together in (1, 13):
        monkeypatch.setattr(greedy, "_PAIRS_AT_A_TIME", together)
        part = take_objects(pairs, pairs.detection % size, rules)
        np.testing.assert_array_equal(part.object, whole.object)
    assert (whole.object >= 0).any() and (whole.object < 0).any()


def test_no_pairs() -> None:
    empty = np.zeros(0, np.int64)
    rules = Rules(np.array([0.5]), np.zeros((0, 1), bool), np.zeros(0, bool))
    assert take_objects(Pairs(empty, empty, np.zeros(0)), empty, rules).object.shape == (0, 1)
