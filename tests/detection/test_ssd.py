from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from detection.builder import build_detector
from detection.ssd import SSD

IMAGES = tf.cast(tf.random.stateless_uniform([2, 60, 80, 3], [1, 2], 0, 256, tf.int32), tf.uint8)
GROUNDTRUTH = {
    "boxes": tf.constant([[[0.2, 0.2, 0.7, 0.8], [0.0] * 4], [[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]]]),
    "classes": tf.constant([[1, 0], [2, 3]]),
    "weights": tf.constant([[1.0, 0.0], [1.0, 1.0]]),
}


def moving_statistics(model: SSD) -> list[np.ndarray]:
    return [variable.numpy() for variable in model.variables if "moving_" in variable.path]


def test_predictions_line_up_with_the_anchors(small_detector: SSD) -> None:
    raw = small_detector(small_detector.preprocess(IMAGES))
    anchors = len(small_detector.anchors)
    assert anchors == 6 * 6 * 3 + 3 * 3 * 4 + 2 * 2 * 4
    assert raw["box_encodings"].shape == (2, anchors, 4)
    assert raw["class_predictions_with_background"].shape == (2, anchors, 4)


def test_every_path_starts_with_the_model_and_a_tf1_scope(small_detector: SSD) -> None:
    scopes = {variable.path.split("/")[1] for variable in small_detector.variables}
    assert scopes == {"FeatureExtractor", "BoxPredictor_0", "BoxPredictor_1", "BoxPredictor_2"}
    paths = [variable.path for variable in small_detector.variables]
    assert len(set(paths)) == len(paths)
    assert "ssd/FeatureExtractor/MobilenetV2/expanded_conv_3/depthwise/depthwise_kernel" in paths
    assert "ssd/BoxPredictor_0/BoxEncodingPredictor_depthwise/BatchNorm/gamma" in paths


def test_detect_any_image_size(small_detector: SSD) -> None:
    found = small_detector.detect(IMAGES)
    assert found["detection_boxes"].shape == (2, 20, 4)
    assert found["num_detections"].shape == (2,)
    boxes = found["detection_boxes"].numpy()
    assert boxes.min() >= 0 and boxes.max() <= 1


def test_freeze_batch_norm_holds_the_statistics_in_training(small_detector: SSD) -> None:
    inputs = small_detector.preprocess(IMAGES)
    before = moving_statistics(small_detector)
    small_detector.freeze_batch_norm = True
    small_detector(inputs, training=True)
    for found, wanted in zip(moving_statistics(small_detector), before, strict=True):
        np.testing.assert_array_equal(found, wanted)
    small_detector.freeze_batch_norm = False
    small_detector(inputs, training=True)
    assert any((a != b).any() for a, b in zip(moving_statistics(small_detector), before, strict=True))


def test_every_trainable_variable_learns(small_detector: SSD) -> None:
    inputs = small_detector.preprocess(IMAGES)
    for frozen in (False, True):
        small_detector.freeze_batch_norm = frozen
        with tf.GradientTape() as tape:
            losses = small_detector.compute_detection_losses(
                small_detector(inputs, training=True), GROUNDTRUTH
            )
            total = tf.add_n(list(losses.values()))
        weights = [variable.value for variable in small_detector.trainable_variables]
        gradients = tape.gradient(total, weights)
        silent = [
            variable.path
            for variable, gradient in zip(small_detector.trainable_variables, gradients, strict=True)
            if gradient is None or not np.isfinite(gradient).all()
        ]
        assert silent == []


def test_a_few_steps_reduce_the_loss(small_detector: SSD) -> None:
    inputs = small_detector.preprocess(IMAGES)
    weights = [variable.value for variable in small_detector.trainable_variables]

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            losses = small_detector.compute_detection_losses(
                small_detector(inputs, training=True), GROUNDTRUTH
            )
            total = tf.add_n(list(losses.values()))
        for weight, gradient in zip(weights, tape.gradient(total, weights), strict=True):
            weight.assign_sub(0.02 * tf.clip_by_norm(gradient, 1.0))
        return total

    history = [float(step()) for _ in range(30)]
    assert np.isfinite(history).all()
    assert history[-1] < 0.7 * history[0]


def test_regularization_loss_is_slims(small_detector: SSD) -> None:
    regularised = [
        variable.numpy()
        for variable in small_detector.variables
        # the backbone's depthwise kernels are not regularised, those of maps and heads are
        if variable.path.endswith(("/kernel", "/depthwise_kernel"))
        and not variable.path.endswith("/depthwise/depthwise_kernel")
    ]
    wanted = sum(4e-5 * np.square(kernel).sum() / 2 for kernel in regularised)
    np.testing.assert_allclose(small_detector.regularization_loss(), wanted, rtol=1e-5)


def test_checkpoint_holds_every_variable(small_detector: SSD, small_config: Any, tmp_path: Path) -> None:
    path = tf.train.Checkpoint(model=small_detector).write(str(tmp_path / "ckpt"))
    written = {name for name, _ in tf.train.list_variables(path) if name.startswith("model/")}
    assert len(written) == len(small_detector.variables)
    restored = build_detector(small_config.model)
    tf.train.Checkpoint(model=restored).read(path).assert_existing_objects_matched()
    for found, wanted in zip(restored.variables, small_detector.variables, strict=True):
        assert found.path == wanted.path
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())


def test_mixed_precision_stays_near_float32(small_detector: SSD, small_config: Any) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = build_detector(small_config.model)
    finally:
        keras.config.set_dtype_policy("float32")
    for found, wanted in zip(mixed.variables, small_detector.variables, strict=True):
        found.assign(wanted)
    inputs = small_detector.preprocess(IMAGES)
    found, wanted = mixed(inputs), small_detector(inputs)
    for key, value in found.items():
        assert value.dtype == tf.float32
        np.testing.assert_allclose(value, wanted[key], atol=0.05)
    losses = mixed.compute_detection_losses(found, GROUNDTRUTH)
    assert all(loss.dtype == tf.float32 and np.isfinite(loss) for loss in losses.values())
