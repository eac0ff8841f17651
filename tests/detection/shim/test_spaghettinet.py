"""A SpaghettiNet of the OD API's code: any number of images, and ranges that move in training only."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.proof_images import proof_images
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.export import export_saved_model
from detection.rounding import RoundingDetector
from detection.shim.slim_graph import _variable_store
from detection.shim.spaghettinet import ShimSpaghettiDetector, _Average
from detection.tf1 import compat
from detection.weights import read_weights, write_weights
from tests.parity.initial_value import initial_value
from tests.parity.od_api_shim_configs import SHIM_CONFIGS

PLACES = 19
FLIPPED = 2e-4  # what a flipped rounding may move a box by
Values = dict[str, np.ndarray]


def test_an_average_has_no_bias_to_zero() -> None:
    compat.install_beside_tf2()
    store, made = _variable_store(), []

    @tf.function(autograph=False)
    def add(value: tf.Tensor) -> tf.Tensor:
        def update() -> tf.Tensor:
            average = _Average("net/concat", "max", 6.0)
            made.append(average)
            average.add(value)
            return tf.identity(average.variable)

        return store.run(update)

    biased = 0.0
    for count, value in enumerate((5.0, 4.0, 4.5), start=1):
        biased += 0.001 * (value - biased)
        np.testing.assert_allclose(add(tf.constant(value)), biased / (1 - 0.999**count), rtol=1e-4)
    names = {variable.name.split(":")[0] for variable in store.variables}
    assert names == {"max", "net/concat/max/biased", "net/concat/max/local_step"}


@pytest.fixture(scope="module")
def detector() -> ShimSpaghettiDetector:
    config = SHIM_CONFIGS["ssd_spaghettinet_s"].replace("height: 160 width: 160", "height: 96 width: 96")
    found = build_detector(parse_pipeline_config(config, "test.config").model)
    assert isinstance(found, ShimSpaghettiDetector) and isinstance(found, RoundingDetector)
    assert found.no_native_model == "the architecture ssd_spaghettinet has no native model"
    random = np.random.default_rng(3)
    for variable in found.weights:
        scale = 10 if variable.path.endswith("BoxEncodingPredictor/kernel") else 1  # boxes follow the image
        value = initial_value(variable.path.replace("kernel", "weights"), variable.shape, random)
        variable.assign(scale * value)
    return found


def _ranges(detector: ShimSpaghettiDetector) -> Values:
    """What moves when a range does, and the ranges."""
    ranges = [weight for weight in detector.weights if weight.path.endswith(("/concat/min", "/concat/max"))]
    assert len(ranges) == 10 and not any(weight.trainable for weight in ranges)
    state = detector.unread_variables()
    assert len(state) == 20
    found = {weight.path: weight.numpy() for weight in ranges}
    return found | {name: variable.numpy() for name, variable in state.items()}


@pytest.mark.slow
def test_exports_for_any_number_of_images(detector: ShimSpaghettiDetector, tmp_path: Path) -> None:
    export_saved_model(detector, tmp_path / "saved_model")
    detect = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    images = tf.constant(np.stack([image[:120, :160] for image in proof_images([])[0][:3]]))
    together = detect(input_tensor=images)["raw_detection_boxes"].numpy()
    for one, other in ((0, 1), (1, 2), (2, 0)):
        assert np.abs(together[one] - together[other]).max() > 10 * FLIPPED
    for index in range(3):
        alone = detect(input_tensor=images[index : index + 1])["raw_detection_boxes"][0]
        np.testing.assert_allclose(together[index], alone, rtol=10 * FLIPPED, atol=FLIPPED)
    found = detector.detect(images[:2])["raw_detection_boxes"]
    np.testing.assert_allclose(found, together[:2], rtol=10 * FLIPPED, atol=FLIPPED)


@pytest.mark.slow
def test_a_rounding_is_of_what_it_is_given(detector: ShimSpaghettiDetector, images: tf.Tensor) -> None:
    preprocessed = detector.preprocess(images)
    own = detector.replay_roundings(preprocessed, {})
    assert len(own.computed) == len(own.rounded) == PLACES
    first = next(name for name in own.computed if name.endswith("n0_0/concat/0"))
    given = detector.replay_roundings(preprocessed, {first: own.computed[first] * 0.5})
    np.testing.assert_allclose(given.computed[first], own.computed[first], atol=1e-5)
    lowest, highest = (
        next(weight.numpy() for weight in detector.weights if weight.path.endswith(f"n0_0/concat/{end}"))
        for end in ("min", "max")
    )
    step = (highest - lowest) / 255
    difference = np.abs(given.rounded[first] - np.clip(own.computed[first] * 0.5, lowest, highest))
    assert 0.4 * step < difference.max() <= 1.01 * step
    for name in ("box_encodings", "class_predictions_with_background"):
        assert np.abs(given.predictions[name] - own.predictions[name]).max() > 1e-3


@pytest.mark.slow
def test_ranges_move_where_batch_norm_trains(
    detector: ShimSpaghettiDetector,
    images: tf.Tensor,
    groundtruth: dict[str, tf.Tensor],
    tmp_path: Path,
) -> None:
    preprocessed = detector.preprocess(images)

    def step() -> None:
        with tf.GradientTape() as tape:
            total = tf.add_n(list(detector.compute_losses(preprocessed, groundtruth, training=True).values()))
        gradients = tape.gradient(total, [variable.value for variable in detector.trainable_variables])
        assert all(gradient is not None for gradient in gradients)

    start = _ranges(detector)
    detector.freeze_batch_norm = True
    assert not detector.batch_norm_trains()
    tf.function(step, autograph=False)()
    assert all(np.array_equal(value, start[name]) for name, value in _ranges(detector).items())

    detector.freeze_batch_norm = False
    tf.function(step, autograph=False)()
    moved = _ranges(detector)
    unchanged = {name for name, value in moved.items() if np.array_equal(value, start[name])}
    assert all(name.endswith("/min/biased") for name in unchanged)  # the lowest of a ReLU6 is 0
    assert all(value == 1 for name, value in moved.items() if name.endswith("/local_step"))

    write_weights(detector, tmp_path / "ckpt")
    for variable in (*detector.weights, *detector.unread_variables().values()):
        variable.assign(keras.ops.zeros_like(variable))
    read_weights(detector, tmp_path / "ckpt")
    assert all(np.array_equal(value, moved[name]) for name, value in _ranges(detector).items())
