from __future__ import annotations

import numpy as np
import pytest

from components.checkpoint_converter.proof_postprocessing import (
    BOXES,
    CLASSES,
    DRAWS,
    Draw,
    drawn_predictions,
    prove_postprocessing,
)
from detection.builder import build_detector
from detection.errors import Failed
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph

LIMIT = 40
SHAPE = (1, 1917, 5)


def _found(draw: Draw) -> np.ndarray:
    """Which anchors and classes a draw finds something for."""
    return drawn_predictions(SHAPE, LIMIT, draw)[CLASSES][0, :, 1:] > -10


def test_draws_are_the_same_each_time_and_reach_every_limit():
    first, again = (drawn_predictions(SHAPE, LIMIT, DRAWS[0]) for _ in range(2))
    assert all(np.array_equal(first[name], again[name]) for name in (BOXES, CLASSES))
    assert (first[BOXES].shape, first[CLASSES].shape) == ((1, 1917, 4), SHAPE)
    for draw in DRAWS:
        found = _found(draw)
        assert found.sum(axis=-1).max() == 1  # an anchor is of one class
        assert (found.sum() > 2 * LIMIT) == draw.overflows
        assert (found[:, 1:].sum() == 0) == draw.one_class
    assert any(draw.one_class for draw in DRAWS) and any(not draw.overflows for draw in DRAWS)


@pytest.mark.parametrize(("anchors", "columns"), [(1, 2), (7, 2), (13, 91)])
def test_few_anchors(anchors, columns):
    drawn = drawn_predictions((1, anchors, columns), 100, Draw(0, overflows=True))
    assert np.isfinite(drawn[BOXES]).all() and (drawn[CLASSES][..., 1:] > -10).any()


@pytest.fixture(scope="module")
def model(tf1_config):
    return build_detector(tf1_config("ssd_mobilenet_v2").model)


@pytest.fixture(scope="module")
def oracle(tf1_folder):
    return FrozenDetector(load_frozen_graph(tf1_folder("ssd_mobilenet_v2") / "frozen_inference_graph.pb"))


class _Postprocess:
    """The model's post-processing, whose detections are another's where `wrong` says so of a run."""

    def __init__(self, model, wrong) -> None:
        self._model, self._wrong, self.runs = model, wrong, 0

    def __call__(self, raw):
        found = {name: value.numpy() for name, value in self._model.postprocess(raw).items()}
        self.runs += 1
        if self._wrong(self.runs):
            found["detection_classes"] = found["detection_classes"] + 1
        return found


IMAGE = np.zeros([40, 50, 3], np.uint8)


def test_no_weight_matters(model, oracle):
    """The model has fresh weights: what is compared comes of the same raw predictions."""
    compared = prove_postprocessing(_Postprocess(model, lambda run: False), oracle, oracle.raw, IMAGE, 0.2)
    assert [stage.block for stage in compared] == ["anchors", "box_coder", "score_converter"]
    assert compared[0].reference.shape == (1, 1917, 4)
    assert all(stage.relative < 1e-6 for stage in compared)


def test_an_overlap_that_rounding_tips_once_is_excused(model, oracle):
    postprocess = _Postprocess(model, lambda run: run == 4)
    prove_postprocessing(postprocess, oracle, oracle.raw, IMAGE, 0.2)
    assert postprocess.runs == 2 + len(DRAWS) + 1


def test_what_differs_with_other_noise_too_is_no_rounding(model, oracle):
    with pytest.raises(
        Failed, match=r"is non_max_suppression \(\d+ detections down to score 0\.\d+ in the TF1"
    ):
        prove_postprocessing(_Postprocess(model, lambda run: 4 <= run <= 6), oracle, oracle.raw, IMAGE, 0.2)


def test_a_graph_that_does_not_say_what_it_decodes(model, oracle, monkeypatch):
    monkeypatch.setattr(oracle, "decoded", None)
    right = _Postprocess(model, lambda run: False)
    assert prove_postprocessing(right, oracle, oracle.raw, IMAGE, 0.2) == []
    with pytest.raises(Failed, match="is non_max_suppression "):
        prove_postprocessing(_Postprocess(model, lambda run: True), oracle, oracle.raw, IMAGE, 0.2)
