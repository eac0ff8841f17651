"""A copied model must detect what the evaluated one did."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.evaluator.smoke_test import SmokeTest
from components.pusher.verify import verify_detections
from detection.errors import BadInput, Failed

EMPTY = np.zeros([0], np.float32)


def test_the_same_detections_pass(
    make_detector: Callable[[str], Path], smoke_test: Callable[[str], SmokeTest]
) -> None:
    verify_detections(make_detector("a") / "saved_model", smoke_test("a"))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"scores": np.array([0.8998], np.float32)}, "scores that differ by 2.0e-04"),
        ({"scores": np.array([np.nan], np.float32)}, "scores that differ by nan"),
        ({"boxes": np.array([[0.1, 0.2, 0.6, 0.71]], np.float32)}, "boxes that differ by 1.0e-02"),
        ({"classes": np.array([2])}, "other classes"),
        ({"scores": EMPTY, "classes": EMPTY.astype(int), "boxes": np.zeros([0, 4])}, "1 detections, not 0"),
    ],
)
def test_others_do_not(
    make_detector: Callable[[str], Path],
    smoke_test: Callable[[str], SmokeTest],
    change: dict[str, np.ndarray],
    word: str,
) -> None:
    copy = make_detector("a") / "saved_model"
    with pytest.raises(Failed, match=word) as error:
        verify_detections(copy, dataclasses.replace(smoke_test("a"), **change))
    assert error.value.where == str(copy)


def test_what_is_no_model_is_no_copy(
    make_model: Callable[[str], Path], smoke_test: Callable[[str], SmokeTest]
) -> None:
    with pytest.raises(BadInput, match="no SavedModel"):
        verify_detections(make_model("a") / "saved_model", smoke_test("a"))
