"""Detectors under Keras's mixed precision: float32 variables, losses and detections, float16 in between."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from tests.parity.od_api_configs import CONFIGS

GROUNDTRUTH = {
    "boxes": tf.constant([[[0.1, 0.1, 0.8, 0.5], [0.3, 0.2, 0.9, 0.8]], [[0.0, 0.4, 0.8, 0.6], [0.0] * 4]]),
    "classes": tf.constant([[1, 3], [2, 0]]),
    "weights": tf.constant([[1.0, 0.5], [1.0, 0.0]]),
}
# by the digits that a 16-bit float keeps: 11 and 8
TOLERANCES = {"mixed_float16": 0.01, "mixed_bfloat16": 0.05}
ARCHITECTURES = ["ssdlite_mobilenet_v2", "ssd_mobilenet_v1_fpn", "faster_rcnn_inception_v2"]


@pytest.fixture(autouse=True)
def float32_afterwards() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def images() -> tf.Tensor:
    return tf.constant(np.random.default_rng(3).integers(0, 255, [2, 120, 160, 3]), tf.uint8)


def build(name: str, policy: str) -> Detector:
    keras.config.set_dtype_policy(policy)
    return build_detector(parse_pipeline_config(CONFIGS[name], name).model)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if "rcnn" in name else ()) for name in ARCHITECTURES]
)
def test_stays_near_float32(name: str, images: tf.Tensor) -> None:
    reference = build(name, "float32")
    inputs = reference.preprocess(images)
    wanted = reference.compute_losses(inputs, GROUNDTRUTH)
    for policy, tolerance in TOLERANCES.items():
        mixed = build(name, policy)
        for variable, value in zip(mixed.weights, reference.weights, strict=True):
            assert variable.dtype == "float32", variable.path
            variable.assign(value)
        assert mixed.preprocess(images).dtype == tf.float32
        losses = mixed.compute_losses(inputs, GROUNDTRUTH)
        for loss, value in losses.items():
            assert value.dtype == tf.float32
            np.testing.assert_allclose(value, wanted[loss], rtol=tolerance, err_msg=f"{policy} {loss}")
        assert _computes_in(mixed, inputs) == keras.config.dtype_policy().compute_dtype
        for key, value in mixed.detect(images).items():
            assert value.dtype == tf.float32 and np.isfinite(value).all(), key


@pytest.mark.parametrize("policy", TOLERANCES)
def test_trains_with_finite_float32_gradients(policy: str, images: tf.Tensor) -> None:
    detector = build("ssdlite_mobilenet_v2", policy)
    inputs = detector.preprocess(images)
    with tf.GradientTape() as tape:
        losses = detector.compute_losses(inputs, GROUNDTRUTH, training=True)
        total = tf.add_n([*losses.values(), detector.regularization_loss()])
    assert total.dtype == tf.float32 and np.isfinite(total)
    variables = detector.trainable_variables
    for gradient, variable in zip(
        tape.gradient(total, [variable.value for variable in variables]), variables, strict=True
    ):
        assert gradient.dtype == tf.float32 and np.isfinite(gradient).all(), variable.path
    for variable in detector.non_trainable_variables:  # batch norm's averages moved, in float32
        assert variable.dtype == "float32" and np.isfinite(variable).all(), variable.path


def _computes_in(detector: Detector, inputs: tf.Tensor) -> str:
    """The type of the features that the detector's backbone makes."""
    extractor = getattr(detector, "feature_extractor", None) or detector.first_stage_extractor
    features = extractor(inputs)
    return (features[0] if isinstance(features, list) else features).dtype.name
