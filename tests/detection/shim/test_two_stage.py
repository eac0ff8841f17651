"""A two-stage shim against the native model of the same config and values, stage by stage."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from detection.two_stage import TwoStageDetector
from tests.detection.shim.conftest import Pair, relative_path

pytestmark = pytest.mark.parametrize("pair", ["faster_rcnn_inception_v2"], indirect=True)


def test_has_the_native_model_s_variables_and_methods(pair: Pair) -> None:
    native, shim = ({relative_path(v, detector): v.shape for v in detector.weights} for detector in pair)
    assert native == shim
    assert isinstance(pair.shim, TwoStageDetector)
    assert not pair.shim.has_one_input_size and not pair.shim.has_masks


def test_each_stage_is_the_native_model_s(pair: Pair, images: tf.Tensor) -> None:
    @tf.function(autograph=False)
    def stages(detector_index: int, boxes: tf.Tensor, count: tf.Tensor) -> tuple[dict, dict, dict]:
        detector = pair[detector_index]
        first = detector.first_stage(detector.preprocess(images))
        proposals = detector.propose(first)
        second = detector.second_stage(first, type(proposals)(boxes, count))
        found = first | {"proposed": proposals.boxes, "proposed_count": proposals.count}
        return found, second, detector.postprocess(first | second)

    boxes = tf.constant(np.sort(np.random.default_rng(2).uniform(0.1, 0.9, [2, 30, 4]), axis=-1), tf.float32)
    boxes = tf.gather(boxes, [0, 1, 2, 3], axis=-1)
    count = tf.constant([30, 30])
    native, shim = (stages(index, boxes, count) for index in (0, 1))
    for wanted, found in zip(native, shim, strict=True):
        for name, values in wanted.items():
            np.testing.assert_allclose(found[name], values, atol=2e-4, rtol=2e-4, err_msg=name)


def test_losses_have_the_native_names_and_no_gradient_is_missing(
    pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
) -> None:
    shim = pair.shim
    preprocessed = shim.preprocess(images)
    names = shim.compute_losses(preprocessed, groundtruth).keys()
    assert names == pair.native.compute_losses(preprocessed, groundtruth).keys()
    with tf.GradientTape() as tape:
        losses = shim.compute_losses(preprocessed, groundtruth, training=True)
        total = tf.add_n(list(losses.values()))
    gradients = tape.gradient(total, [variable.value for variable in shim.trainable_variables])
    missing = [v.path for v, g in zip(shim.trainable_variables, gradients, strict=True) if g is None]
    assert not missing and np.isfinite(float(total))


def test_parts_of_a_two_stage_batch_add_up(
    pair: Pair, images: tf.Tensor, groundtruth: dict[str, tf.Tensor]
) -> None:
    """At inference, where the proposals are not drawn; which anchors count is, among too many to take all."""
    shim = pair.shim
    inputs = shim.preprocess(images)
    parts = [{name: rows[i : i + 1] for name, rows in groundtruth.items()} for i in range(2)]
    divisor = tf.add_n([shim.loss_divisor(part) for part in parts])
    assert float(divisor) == float(pair.native.loss_divisor(groundtruth)) == 2
    wanted = pair.native.compute_losses(inputs, groundtruth)
    found = [shim.compute_losses(inputs[i : i + 1], parts[i], divisor=divisor) for i in range(2)]
    for name in ("localization_loss", "classification_loss"):
        np.testing.assert_allclose(found[0][name] + found[1][name], wanted[name], rtol=1e-4, err_msg=name)
    assert set(found[0]) == set(wanted)
