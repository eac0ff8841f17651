"""The shim against the native model of the same config and values: what every later stage relies on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.export import export_saved_model
from detection.shim.builder import build_shim
from detection.weights import read_weights, write_weights
from tests.detection.shim.conftest import Pair, relative_path
from tests.parity.od_api_configs import CONFIGS

CONFIG = "ssd_mobilenet_v1"
Losses = dict[str, tf.Tensor]
Gradients = dict[str, tf.Tensor]
pytestmark = pytest.mark.parametrize("pair", [CONFIG], indirect=True)


def losses_and_gradients(detector: Detector, compute: Callable[[], Losses]) -> tuple[Losses, Gradients]:
    variables = detector.trainable_variables
    with tf.GradientTape() as tape:
        losses = compute()
        total = tf.add_n(list(losses.values()))
    gradients = tape.gradient(total, [variable.value for variable in variables], unconnected_gradients="zero")
    names = [relative_path(variable, detector) for variable in variables]
    return losses, dict(zip(names, gradients, strict=True))


def test_has_the_native_model_s_variables(pair: Pair) -> None:
    found = [
        {
            (relative_path(variable, detector), tuple(variable.shape), variable.trainable)
            for variable in detector.weights
        }
        for detector in pair
    ]
    assert found[0] == found[1]
    assert len(pair.shim.trainable_variables) == len(pair.native.trainable_variables)
    assert pair.shim.has_one_input_size
    assert not pair.shim.supports_jit


def test_detects_what_the_native_model_detects(pair: Pair, images: tf.Tensor) -> None:
    native, shim = (detector.detect(images) for detector in pair)
    assert native.keys() == shim.keys()
    for name, values in native.items():
        np.testing.assert_allclose(shim[name], values, atol=2e-5, err_msg=name)


def test_loses_what_the_native_model_loses(
    pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
) -> None:
    found = []
    for detector in pair:
        statistics = [variable for variable in detector.weights if "moving_" in variable.path]
        before = [variable.numpy() for variable in statistics]
        losses = detector.compute_losses(detector.preprocess(images), groundtruth, training=True)
        moved = {relative_path(variable, detector): variable.numpy() for variable in statistics}
        for variable, value in zip(statistics, before, strict=True):
            variable.assign(value)
        found.append(losses | {"regularization_loss": detector.regularization_loss()} | moved)
    native, shim = found
    assert native.keys() == shim.keys()
    for name, value in native.items():
        scale = float(tf.reduce_max(tf.abs(value)))
        np.testing.assert_allclose(shim[name], value, atol=1e-4 * scale, rtol=0, err_msg=name)


def test_has_the_native_model_s_gradients(
    pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
) -> None:
    """With batch norm frozen: its statistics over two images make rounding errors large."""
    found = []
    for detector in pair:
        inputs = detector.preprocess(images)
        detector.freeze_batch_norm = True
        found.append(
            losses_and_gradients(
                detector,
                lambda own=detector, inputs=inputs: (
                    own.compute_losses(inputs, groundtruth, training=True)
                    | {"regularization_loss": own.regularization_loss()}
                ),
            )[1]
        )
        detector.freeze_batch_norm = False
    for name, gradient in found[0].items():
        scale = float(tf.reduce_max(tf.abs(gradient)))
        np.testing.assert_allclose(found[1][name], gradient, atol=1e-4 * scale, rtol=0, err_msg=name)


def test_parts_of_a_batch_add_up_to_the_native_model_s_batch(
    pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
) -> None:
    native, shim = pair
    inputs = native.preprocess(images)
    parts = [{name: rows[i : i + 1] for name, rows in groundtruth.items()} for i in range(2)]
    native.freeze_batch_norm = shim.freeze_batch_norm = True
    try:
        divisors = [float(shim.loss_divisor(part)) for part in parts]
        assert divisors[0] > divisors[1] >= 1  # so halves of means would be wrong
        divisor = tf.constant(sum(divisors))
        assert float(divisor) == pytest.approx(float(native.loss_divisor(groundtruth)), rel=1e-6)
        wanted = losses_and_gradients(
            native, lambda: native.compute_losses(inputs, groundtruth, training=True)
        )
        found = [
            losses_and_gradients(
                shim,
                lambda i=i: shim.compute_losses(inputs[i : i + 1], parts[i], training=True, divisor=divisor),
            )
            for i in range(2)
        ]
    finally:
        native.freeze_batch_norm = shim.freeze_batch_norm = False
    for place, values in enumerate(wanted):
        for name, value in values.items():
            scale = max(float(tf.reduce_max(tf.abs(value))), 1e-3)
            total = found[0][place][name] + found[1][place][name]
            np.testing.assert_allclose(total / scale, value / scale, atol=1e-5, rtol=0, err_msg=name)


def test_frozen_batch_norm_stays(pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> None:
    statistics = [variable for variable in pair.shim.weights if "moving_" in variable.path]
    before = [variable.numpy() for variable in statistics]
    pair.shim.freeze_batch_norm = True
    try:
        pair.shim.compute_losses(pair.shim.preprocess(images), groundtruth, training=True)
    finally:
        pair.shim.freeze_batch_norm = False
    for variable, value in zip(statistics, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


def test_a_batch_of_unknown_size_gives_the_mean_of_its_images(
    pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
) -> None:
    preprocessed = pair.shim.preprocess(images)
    singles = [
        pair.shim.compute_losses(
            preprocessed[i : i + 1], {name: values[i : i + 1] for name, values in groundtruth.items()}
        )
        for i in range(2)
    ]
    compute = tf.function(
        pair.shim.compute_losses,
        input_signature=[
            tf.TensorSpec([None, *preprocessed.shape[1:]]),
            {
                name: tf.TensorSpec([None, *values.shape[1:]], values.dtype)
                for name, values in groundtruth.items()
            },
        ],
    )
    for name, loss in compute(preprocessed, groundtruth).items():
        np.testing.assert_allclose(loss, (singles[0][name] + singles[1][name]) / 2, rtol=1e-5, err_msg=name)


def test_weights_and_saved_model_hold_everything(pair: Pair, images: tf.Tensor, tmp_path: Path) -> None:
    wanted = pair.shim.detect(images)
    write_weights(pair.shim, tmp_path / "ckpt-1")
    export_saved_model(pair.shim, tmp_path / "saved_model")
    other = build_shim(parse_pipeline_config(CONFIGS[CONFIG], CONFIG).model)
    read_weights(other, tmp_path / "ckpt-1")
    served = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"](images)
    for found in (other.detect(images), served):
        for name, values in wanted.items():
            np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)
