"""The program that export_step.py writes is the training step, a function of its inputs alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.compiled_step import export_step
from benchmarks.compiled_step.inputs import Shapes, make_inputs
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from tests.parity.od_api_configs import CONFIGS

NAME = "small"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Detector]:
    """The folder that a small detector's step was written to, and the detector."""
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"], "small.config")
    config.model.ssd.box_predictor.convolutional_box_predictor.use_dropout = False
    detector = build_detector(config.model)
    monkeypatch.setattr(export_step, "STEPS", {NAME: ("", detector.image_size[0], "float32")})
    monkeypatch.setattr(export_step, "build", lambda file, size: detector)
    monkeypatch.setattr(export_step, "BATCH", 2)
    export_step.export(NAME, tmp_path)
    return tmp_path, detector


@pytest.mark.slow
def test_the_losses_are_the_detectors_own(written: tuple[Path, Detector]) -> None:
    folder, detector = written
    record = json.loads((folder / f"{NAME}.json").read_text())
    trained, others, _, boxes, classes, weights = make_inputs(Shapes(**record["shapes"]))
    variables = [*detector.trainable_variables, *detector.non_trainable_variables]
    for variable, value in zip(variables, [*trained, *others], strict=True):
        variable.assign(value)
    images = tf.constant(np.load(folder / f"{NAME}.images.npy").astype(np.float32))
    groundtruth = {name: tf.constant(value) for name, value in
                   (("boxes", boxes), ("classes", classes), ("weights", weights))}  # fmt: skip
    losses = dict(detector.compute_losses(images, groundtruth, training=True))
    losses["regularization_loss"] = detector.regularization_loss()
    np.testing.assert_allclose(record["losses"][0], [losses[name] for name in sorted(losses)], rtol=1e-4)
    first, second = record["losses"]
    assert sum(second) < sum(first)
    assert len((folder / f"{NAME}.hlo").read_bytes()) > 100_000


def test_inputs_are_the_same_on_every_machine() -> None:
    shapes = Shapes([("a/kernel", [3, 3, 4, 8]), ("a/gamma", [8])], [("a/moving_mean", [8])], [2, 9, 9, 3], 5)
    (kernel, gamma), (mean,), images, boxes, classes, weights = make_inputs(shapes)
    again = make_inputs(shapes)
    np.testing.assert_array_equal(kernel, again[0][0])
    np.testing.assert_array_equal(images, again[2])
    assert (gamma == 1).all() and (mean == 0).all() and (weights == 1).all()
    assert images.shape == (2, 9, 9, 3) and images.min() >= 0 and images.max() <= 255
    assert (boxes[..., 2:] > boxes[..., :2]).all() and boxes.max() <= 1
    assert set(np.unique(classes)) <= set(range(1, 6))
