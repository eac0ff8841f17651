from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from components.example_gen.outlines import draw
from components.example_gen.records import Outline

SIZE = (100, 80)
SQUARE = np.zeros((80, 100), np.uint8)
SQUARE[20:60, 10:40] = 255
POLYGON = [10, 20, 40, 20, 40, 60, 10, 60]
RUNS = [10 * 80 + 20] + [40, 40] * 29 + [40, 60 * 80 + 20]


def drawn(segmentation, shares=False, frame=SIZE, size=SIZE):
    return draw(Outline(json.dumps(segmentation), shares), frame, size)


@pytest.mark.parametrize(
    "segmentation",
    [
        [POLYGON],
        POLYGON,
        [POLYGON, [1, 2, 3, 4]],
        [[10, 20, 25, 20, 25, 60, 10, 60], [25, 20, 40, 20, 40, 60, 25, 60]],
        {"size": [80, 100], "counts": RUNS},
    ],
    ids=["polygon", "flat", "polygon and line", "two polygons", "runs"],
)
def test_a_square(segmentation):
    mask = drawn(segmentation)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, SQUARE)


def test_polygons_in_shares_and_in_another_size():
    shares = [[number / (100, 80)[place % 2] for place, number in enumerate(POLYGON)]]
    np.testing.assert_array_equal(drawn(shares, shares=True), SQUARE)
    np.testing.assert_array_equal(drawn([POLYGON], size=(50, 40)), SQUARE[::2, ::2])
    assert drawn({"size": [80, 100], "counts": RUNS}, size=(50, 40)) is None


@settings(max_examples=200, deadline=None)
@given(data=st.data(), width=st.integers(1, 40), height=st.integers(1, 40))
def test_the_same_as_pycocotools(data, width, height):
    pixels = st.lists(st.integers(0, 1), min_size=width * height, max_size=width * height)
    picture = np.asfortranarray(np.reshape(data.draw(pixels), (height, width)), np.uint8)
    runs = coco_mask.encode(picture)
    text = {"size": runs["size"], "counts": runs["counts"].decode()}
    np.testing.assert_array_equal(drawn(text, frame=(width, height), size=(width, height)), picture * 255)

    corner = st.floats(-width, 2 * width), st.floats(-height, 2 * height)
    polygon = [x for point in data.draw(st.lists(st.tuples(*corner), min_size=3, max_size=8)) for x in point]
    expected = coco_mask.decode(coco_mask.frPyObjects([polygon], height, width))[..., 0]
    found = drawn([polygon], frame=(width, height), size=(width, height))
    np.testing.assert_array_equal(found, expected * 255)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2]],
        [["a"] * 6],
        [None],
        [{}],
        [[[10, 20], [40, 20], [40, 60]]],
        [[10, 20, 40, 20, 40, float("nan")]],
        [[10, 20, 40, 20, 40, float("inf")]],
        [[10, 20, 40, 20, 40, 1e9]],
        [[10, 20, 40, 20, 40, 10**400]],
        {"counts": [1]},
        {"size": [8, 8], "counts": [64]},
        {"size": [80, 100], "counts": []},
        {"size": [80, 100], "counts": [99999]},
        {"size": [80, 100], "counts": [-5, 8005]},
        {"size": [80, 100], "counts": "ab~"},
        {"size": [80, 100], "counts": "caf\u00e9"},
        {"size": [80, 100], "counts": "P" * 5000},
        {"size": None, "counts": "x"},
        7,
        "polygon",
    ],
)
def test_what_makes_no_sense_is_not_drawn(segmentation):
    """pycocotools would end the process for some of them."""
    assert drawn(segmentation) is None


@settings(deadline=None)
@given(counts=st.text(max_size=30) | st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=30))
def test_any_run_lengths(counts):
    mask = drawn({"size": [4, 5], "counts": counts}, frame=(5, 4), size=(5, 4))
    assert mask is None or (mask.shape == (4, 5) and set(np.unique(mask)) <= {0, 255})
