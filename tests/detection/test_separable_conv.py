from dataclasses import replace

import numpy as np
import tensorflow as tf

from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.separable_conv import SeparableConv

HYPERPARAMS = ConvHyperparams(batch_norm=BatchNormParams(decay=0.9, epsilon=0.001, scale=True), l2=0.5)
IMAGES = tf.random.stateless_normal([2, 9, 9, 3], seed=[1, 2])


def built(hyperparams: ConvHyperparams) -> SeparableConv:
    conv = SeparableConv(
        8, 3, stride=2, depth_multiplier=2, hyperparams=hyperparams, explicit_padding=True, name="conv"
    )
    conv(IMAGES)
    rng = np.random.default_rng(5)
    for variable in conv.variables:
        variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return conv


def convolved(conv: SeparableConv) -> tf.Tensor:
    padded = tf.pad(IMAGES, [[0, 0], [1, 1], [1, 1], [0, 0]])
    depthwise, pointwise = conv.depthwise_kernel.value, conv.pointwise_kernel.value
    return tf.nn.separable_conv2d(padded, depthwise, pointwise, [1, 2, 2, 1], "VALID")


def test_kernels_bear_slims_shapes() -> None:
    by_path = {variable.path: tuple(variable.shape) for variable in built(HYPERPARAMS).variables}
    assert by_path["conv/depthwise_kernel"] == (3, 3, 3, 2)
    assert by_path["conv/pointwise_kernel"] == (1, 1, 6, 8)
    assert by_path["conv/BatchNorm/gamma"] == (8,)


def test_frozen_batch_norm_equals_normalising_after_both_convolutions() -> None:
    conv = built(HYPERPARAMS)
    norm = conv.batch_norm
    assert norm is not None
    wanted = tf.nn.relu6(
        tf.nn.batch_normalization(
            convolved(conv),
            norm.moving_mean.value,
            norm.moving_variance.value,
            norm.beta.value,
            norm.gamma.value,
            0.001,
        )
    )
    np.testing.assert_allclose(conv(IMAGES), wanted, atol=5e-5)


def test_without_batch_norm_it_has_a_bias() -> None:
    conv = built(replace(HYPERPARAMS, batch_norm=None, activation=None))
    np.testing.assert_allclose(conv(IMAGES), convolved(conv) + conv.bias.value, atol=1e-5)


def test_both_kernels_are_regularised() -> None:
    conv = built(HYPERPARAMS)
    squares = sum(float(tf.reduce_sum(kernel.value**2)) for kernel in conv._kernels())
    np.testing.assert_allclose(conv.penalty(), 0.25 * squares, rtol=1e-5)
