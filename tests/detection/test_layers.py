import os
import subprocess
import sys
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import BatchNorm, Conv

PARAMS = BatchNormParams(decay=0.9, epsilon=0.001, scale=True)
HYPERPARAMS = ConvHyperparams(batch_norm=PARAMS, l2=0.5)
IMAGES = tf.random.stateless_normal([2, 9, 9, 3], seed=[1, 2])


def randomize(layer: keras.layers.Layer) -> None:
    rng = np.random.default_rng(5)
    for variable in layer.variables:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))


def batch_norm_of(conv: Conv) -> BatchNorm:
    assert conv.batch_norm is not None
    return conv.batch_norm


def test_batch_norm_moves_by_the_unbiased_variance() -> None:
    layer = BatchNorm(PARAMS)
    layer(IMAGES)
    values = IMAGES.numpy().reshape(-1, 3)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * values.mean(0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * values.var(0, ddof=1), rtol=1e-5)


def test_frozen_batch_norm_equals_normalising_after_the_convolution() -> None:
    for filters in (4, None):
        conv = Conv(filters, 3, stride=2, hyperparams=HYPERPARAMS, name="conv")
        conv(IMAGES)
        randomize(conv)
        op = tf.nn.depthwise_conv2d if filters is None else tf.nn.conv2d
        plain = op(IMAGES, conv.kernel.value, [1, 2, 2, 1], "SAME")
        norm = batch_norm_of(conv)
        wanted = tf.nn.relu6(
            tf.nn.batch_normalization(
                plain,
                norm.moving_mean.value,
                norm.moving_variance.value,
                norm.beta.value,
                norm.gamma.value,
                0.001,
            )
        )
        np.testing.assert_allclose(conv(IMAGES, training=False), wanted, atol=2e-5)


def test_training_flag_trainable_and_the_config_freeze_the_statistics() -> None:
    frozen = Conv(4, 1, hyperparams=replace(HYPERPARAMS, batch_norm=replace(PARAMS, train=False)), name="a")
    untrainable = Conv(4, 1, hyperparams=HYPERPARAMS, name="b")
    untrainable.trainable = False
    moving = Conv(4, 1, hyperparams=HYPERPARAMS, name="c")
    for conv in (frozen, untrainable, moving):
        conv(IMAGES, training=False)
        np.testing.assert_array_equal(batch_norm_of(conv).moving_mean, np.zeros(4))
        conv(IMAGES, training=True)
    np.testing.assert_array_equal(batch_norm_of(frozen).moving_mean, np.zeros(4))
    np.testing.assert_array_equal(batch_norm_of(untrainable).moving_mean, np.zeros(4))
    assert np.abs(batch_norm_of(moving).moving_mean).min() > 0


def test_variables_are_named_like_tf1() -> None:
    conv = Conv(None, 3, hyperparams=HYPERPARAMS, name="Conv2d_1_depthwise")
    conv(IMAGES)
    assert [variable.path for variable in conv.variables] == [
        "Conv2d_1_depthwise/depthwise_kernel",
        "Conv2d_1_depthwise/BatchNorm/gamma",
        "Conv2d_1_depthwise/BatchNorm/beta",
        "Conv2d_1_depthwise/BatchNorm/moving_mean",
        "Conv2d_1_depthwise/BatchNorm/moving_variance",
    ]
    assert conv.kernel.shape == (3, 3, 3, 1)


def test_a_convolution_without_batch_norm_has_a_bias() -> None:
    plain = replace(HYPERPARAMS, batch_norm=None, activation=None)
    conv = Conv(2, 1, hyperparams=plain, name="x", bias_init=-4.6)
    conv(IMAGES)
    assert [variable.path for variable in conv.variables] == ["x/kernel", "x/bias"]
    np.testing.assert_allclose(conv.bias, [-4.6, -4.6])


def test_explicit_padding_is_symmetric_where_same_is_not() -> None:
    images = tf.ones([1, 4, 4, 1])
    plain = replace(HYPERPARAMS, batch_norm=None, activation=None)
    found = {}
    for explicit in (False, True):
        conv = Conv(1, 3, stride=2, explicit_padding=explicit, hyperparams=plain, name="x")
        conv.build(images.shape)
        conv.kernel.assign(tf.ones([3, 3, 1, 1]))
        found[explicit] = conv(images)[0, :, :, 0].numpy().tolist()
    assert found[False] == [[9, 6], [6, 4]]  # SAME pads below and to the right first
    assert found[True] == [[4, 6], [6, 9]]


def test_penalty_is_slims() -> None:
    conv = Conv(1, 1, hyperparams=replace(HYPERPARAMS, l1=2.0), name="x")
    conv.build((None, 2, 2, 2))
    conv.kernel.assign([[[[1.0], [-2.0]]]])
    np.testing.assert_allclose(conv.penalty(), 0.5 * 5 / 2 + 2.0 * 3)


def test_mixed_precision_keeps_variables_in_float32() -> None:
    conv = Conv(4, 3, hyperparams=HYPERPARAMS, name="x")
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = Conv(4, 3, hyperparams=HYPERPARAMS, name="x")
    finally:
        keras.config.set_dtype_policy("float32")
    for layer in (conv, mixed):
        layer(IMAGES)
        randomize(layer)
    for training in (False, True):
        found = mixed(IMAGES, training=training)
        assert found.dtype == tf.bfloat16
        np.testing.assert_allclose(tf.cast(found, tf.float32), conv(IMAGES, training=training), atol=0.06)
    assert {variable.dtype for variable in mixed.variables} == {"float32"}


def test_each_level_has_its_own_batch_norm() -> None:
    conv = Conv(4, 3, hyperparams=HYPERPARAMS, name="conv", levels=2)
    before = [conv(IMAGES, level=level).numpy() for level in (0, 1)]
    np.testing.assert_array_equal(*before)
    assert conv.level_batch_norms is not None
    conv.level_batch_norms.of(1).beta.assign_add(np.ones(4))
    np.testing.assert_array_equal(conv(IMAGES, level=0), before[0])
    assert np.abs(conv(IMAGES, level=1) - before[1]).max() > 0.1
    conv(IMAGES, training=True, level=1)
    assert not conv.level_batch_norms.of(0).moving_mean.numpy().any()
    assert conv.level_batch_norms.of(1).moving_mean.numpy().any()
    with pytest.raises(ValueError, match="index of the map"):
        conv(IMAGES)


_DILATED_STEP = """
import tensorflow as tf
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv

for filters in (4, None):
    conv = Conv(filters, 3, dilation=2, hyperparams=ConvHyperparams(), name="conv")
    images = tf.random.stateless_normal([2, 9, 9, 3], seed=[1, 2])
    conv(images)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(conv(images, training=True) ** 2)
    gradient = tape.gradient(loss, conv.kernel.value)
    assert float(tf.reduce_max(tf.abs(gradient))) > 0
"""


def test_a_dilated_convolution_trains_on_any_cpu() -> None:
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}  # as on processors that it doesn't know
    child = subprocess.run(
        [sys.executable, "-c", _DILATED_STEP], env=environment, capture_output=True, text=True, timeout=300
    )
    assert child.returncode == 0, child.stderr[-2000:]
