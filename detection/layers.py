"""Convolution and batch norm as slim computes them, named so that variable paths are TF1 scopes."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from detection.hyperparams import BatchNormParams, ConvHyperparams


class BatchNorm(keras.layers.Layer):
    """TF1's fused batch norm over the last axis of `[B, H, W, C]`.

    Like slim's, and unlike Keras's, it moves its variance by the unbiased batch variance. Variables stay
    float32 under mixed precision.
    """

    def __init__(self, params: BatchNormParams) -> None:
        super().__init__(name="BatchNorm")
        self._params = params

    @property
    def trains(self) -> bool:
        """Whether training moves the statistics: not if the config, or `trainable`, freezes them."""
        return self._params.train and self.trainable

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        def weight(name: str, initial: str, trainable: bool) -> keras.Variable:
            return self.add_weight(
                name=name,
                shape=input_shape[-1:],
                initializer=initial,
                trainable=trainable,
                dtype="float32",
                autocast=False,
            )

        self.gamma: Any = weight("gamma", "ones", True) if self._params.scale else None
        self.beta: Any = weight("beta", "zeros", True) if self._params.center else None
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Normalise by the batch's own statistics, and move the averages towards them."""
        gamma, beta = self._gamma_beta()
        outputs, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, gamma, beta, epsilon=self._params.epsilon, is_training=True
        )
        rate = 1.0 - self._params.decay
        mean, variance = self.moving_mean.value, self.moving_variance.value
        self.moving_mean.assign(mean - (mean - batch_mean) * rate)
        self.moving_variance.assign(variance - (variance - batch_variance) * rate)
        return outputs

    def frozen(self) -> tuple[tf.Tensor, tf.Tensor]:
        """`(scale, offset)`, each `[C]` float32: what normalising by the moving averages amounts to."""
        gamma, beta = self._gamma_beta()
        scale = gamma * tf.math.rsqrt(self.moving_variance.value + self._params.epsilon)
        return scale, beta - self.moving_mean.value * scale

    def _gamma_beta(self) -> tuple[tf.Tensor, tf.Tensor]:
        mean = self.moving_mean.value
        gamma = self.gamma.value if self.gamma is not None else tf.ones_like(mean)
        beta = self.beta.value if self.beta is not None else tf.zeros_like(mean)
        return gamma, beta


class Conv(keras.layers.Layer):
    """One slim convolution: kernel, then batch norm or bias, then activation.

    Args:
      filters: output channels, or None for a depthwise convolution (slim's separable_conv2d without outputs).
      kernel_size, stride: of both spatial axes.
      hyperparams: batch norm, activation, initializer, regulariser.
      name: the TF1 scope, for example `Conv2d_0`.
      explicit_padding: pad by (kernel - 1) // 2 first and convolve VALID, instead of SAME.
      bias_init: the bias's initial value.
    """

    def __init__(
        self,
        filters: int | None,
        kernel_size: int,
        *,
        hyperparams: ConvHyperparams,
        name: str,
        stride: int = 1,
        explicit_padding: bool = False,
        bias_init: float = 0.0,
    ) -> None:
        super().__init__(name=name)
        self._filters = filters
        self._kernel_size = kernel_size
        self._stride = stride
        self._hyperparams = hyperparams
        self._explicit_padding = explicit_padding and kernel_size > 1
        self._bias_init = bias_init
        self.batch_norm = BatchNorm(hyperparams.batch_norm) if hyperparams.batch_norm else None

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        depthwise = self._filters is None
        channels = input_shape[-1]
        self.kernel = self.add_weight(
            name="depthwise_kernel" if depthwise else "kernel",
            shape=(self._kernel_size, self._kernel_size, channels, 1 if depthwise else self._filters),
            initializer=self._hyperparams.make_initializer(),
            autocast=False,
        )
        outputs = channels if depthwise else self._filters
        self.bias: Any = None
        if self.batch_norm is not None:
            self.batch_norm.build((*input_shape[:-1], outputs))
        else:
            initial = keras.initializers.Constant(self._bias_init)
            self.bias = self.add_weight(name="bias", shape=(outputs,), initializer=initial, autocast=False)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`[B, H, W, C]` -> `[B, ceil(H / stride), ceil(W / stride), filters]`; `training`: of batch norm."""
        padding = "SAME"
        if self._explicit_padding:
            padding = "VALID"
            before = (self._kernel_size - 1) // 2
            sides = [before, self._kernel_size - 1 - before]
            inputs = tf.pad(inputs, [[0, 0], sides, sides, [0, 0]])
        kernel = self.kernel.value
        moving = None
        if training and self.batch_norm is not None and self.batch_norm.trains:
            moving = self.batch_norm
        offset = None if self.bias is None else self.bias.value
        if self.batch_norm is not None and moving is None:
            # Frozen batch norm is folded into the kernel: the same function with one pass less over the
            # activations, forward and backward (a tenth of a training step on a CPU).
            scale, offset = self.batch_norm.frozen()
            kernel = kernel * (scale[:, tf.newaxis] if self._filters is None else scale)
        kernel = tf.cast(kernel, inputs.dtype)
        strides = [1, self._stride, self._stride, 1]
        convolve = tf.nn.depthwise_conv2d if self._filters is None else tf.nn.conv2d
        outputs = convolve(inputs, kernel, strides, padding)
        if moving is not None:
            outputs = moving(outputs)
        else:
            outputs = tf.nn.bias_add(outputs, tf.cast(offset, outputs.dtype))
        activation = self._hyperparams.activation
        return outputs if activation is None else activation(outputs)

    def penalty(self) -> tf.Tensor:
        """Regularisation loss of the kernel, a float32 scalar (slim regularises no bias)."""
        kernel = self.kernel.value
        loss = tf.zeros([])
        if self._hyperparams.l2:
            loss += self._hyperparams.l2 * tf.nn.l2_loss(kernel)
        if self._hyperparams.l1:
            loss += self._hyperparams.l1 * tf.reduce_sum(tf.abs(kernel))
        return loss
