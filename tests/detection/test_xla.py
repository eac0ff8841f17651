"""A training step that XLA compiles gives the losses and gradients of one that it doesn't."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.layers import BatchNorm
from detection.ssd import SSD
from tests.detection.conftest import SMALL_SSDLITE
from tests.detection.test_pyramid_detector import CONFIG as PYRAMID

SIGMOID = "classification_loss { weighted_sigmoid { } }"
CONFIGS = {
    "mined sigmoid": SMALL_SSDLITE,
    "mined softmax": SMALL_SSDLITE.replace(SIGMOID, "classification_loss { weighted_softmax { } }").replace(
        "encode_background_as_zeros: true", ""
    ),
    "focal pyramid": PYRAMID,
}
GROUNDTRUTH = {
    "boxes": tf.constant([[[0.2, 0.2, 0.7, 0.8], [0.0] * 4], [[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]]]),
    "classes": tf.constant([[1, 0], [2, 1]]),
    "weights": tf.constant([[1.0, 0.0], [1.0, 0.5]]),
}
IMAGES = tf.cast(tf.random.stateless_uniform([2, 60, 80, 3], [1, 2], 0, 256, tf.int32), tf.uint8)
RELATIVE = 1e-5

Step = Callable[[], dict[str, tf.Tensor]]
Values = dict[str, np.ndarray]


@pytest.fixture(params=CONFIGS)
def detector(request: pytest.FixtureRequest) -> SSD:
    keras.utils.set_random_seed(5)
    found = build_detector(parse_pipeline_config(CONFIGS[request.param], "xla.config").model)
    assert isinstance(found, SSD) and found.supports_jit
    return found


def run(step: Step, *, compiled: bool) -> Values:
    return {name: value.numpy() for name, value in tf.function(step, jit_compile=compiled)().items()}


def assert_equal_when_compiled(
    step: Step,
    restore: Callable[[], Any] = lambda: None,
    rounding: Callable[[str, Values], float] = lambda name, found: 0.0,
) -> None:
    """Runs `step` both ways; errors are relative to each tensor's largest value, beside its `rounding`."""
    found = {}
    for compiled in (False, True):
        restore()
        found[compiled] = run(step, compiled=compiled)
    for name, wanted in found[False].items():
        largest = np.abs(wanted).max()
        assert np.isfinite(largest)
        # XLA counts what is below the smallest normal number as 0
        bound = RELATIVE * largest + np.finfo(np.float32).tiny + rounding(name, found[False])
        np.testing.assert_allclose(found[True][name], wanted, rtol=0, atol=bound, err_msg=name)


def test_losses_and_gradients_of_predictions(detector: SSD) -> None:
    rng = np.random.default_rng(2)
    shape = (2, len(detector.anchors))
    predictions = {
        "box_encodings": tf.constant(rng.normal(0, 1, [*shape, 4]), tf.float32),
        "class_predictions_with_background": tf.constant(
            rng.normal(-1, 2, [*shape, detector.num_classes + 1]), tf.float32
        ),
    }

    def step() -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(predictions)
            losses = detector.compute_detection_losses(predictions, GROUNDTRUTH)
            total = tf.add_n(list(losses.values()))
        return {**losses, **tape.gradient(total, predictions)}

    assert_equal_when_compiled(step)


def whole_step(detector: SSD, *, freeze_batch_norm: bool) -> dict[str, tf.Tensor]:
    """Losses, and gradients of the variables or, if batch norm trains, its statistics after the step."""
    detector.freeze_batch_norm = freeze_batch_norm
    images = detector.preprocess(IMAGES)
    trained = {variable.path: variable.value for variable in detector.trainable_variables}
    with tf.GradientTape() as tape:
        losses = dict(detector.compute_losses(images, GROUNDTRUTH, training=True))
        losses["regularization_loss"] = detector.regularization_loss()
        total = tf.add_n(list(losses.values()))
    if freeze_batch_norm:
        return {**losses, **tape.gradient(total, trained)}
    # Gradients through batch norm over so few pixels move a hundredfold with rounding, compiled or not.
    statistics = {v.path: tf.identity(v.value) for v in detector.variables if "moving_" in v.path}
    return {**losses, **statistics}


@pytest.mark.slow
def test_losses_and_gradients_of_a_whole_step(detector: SSD) -> None:
    assert_equal_when_compiled(lambda: whole_step(detector, freeze_batch_norm=True))


@pytest.mark.slow
@pytest.mark.parametrize("detector", ["mined sigmoid"], indirect=True)
def test_losses_and_statistics_of_a_whole_step_that_moves_batch_norm(detector: SSD) -> None:
    """Over so few pixels batch norm enlarges rounding, and means of normalised inputs cancel out.

    What moves with the last bit of the weights is measured; a mean is compared with its layer's deviation.
    """
    start = detector.get_weights()
    rng = np.random.default_rng(3)
    rates = {
        layer.moving_mean.path: 1.0 - layer._params.decay
        for layer in detector._flatten_layers()
        if isinstance(layer, BatchNorm)
    }

    def step() -> dict[str, tf.Tensor]:
        return whole_step(detector, freeze_batch_norm=False)

    detector.set_weights([np.nextafter(w, rng.choice(np.float32([-9, 9]), w.shape)) for w in start])
    nudged = run(step, compiled=False)

    def rounding(name: str, found: Values) -> float:
        measured = 4 * float(np.abs(nudged[name] - found[name]).max())
        if name not in rates:
            return measured
        moved = found[name.replace("moving_mean", "moving_variance")] - 1.0  # it began at 1
        return measured + RELATIVE * rates[name] * float(np.sqrt((1.0 + moved / rates[name]).max()))

    assert_equal_when_compiled(step, lambda: detector.set_weights(start), rounding)
