"""Convolution and batch norm as slim computes them, named so that variable paths are TF1 scopes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import tensorflow as tf

from detection.hyperparams import BatchNormParams, ConvHyperparams


class BatchNorm(keras.layers.Layer):
    """TF1's fused batch norm over the last axis of `[B, H, W, C]`.

    Like slim's, and unlike Keras's, it moves its variance by the unbiased batch variance. Variables stay
    float32 under mixed precision.
    """

    def __init__(self, params: BatchNormParams, name: str = "BatchNorm") -> None:
        super().__init__(name=name)
        self._params = params

    @property
    def trains(self) -> bool:
        """Whether training moves the statistics: not if the config, or `trainable`, freezes them."""
        return self._params.train and self.trainable

    def hold_statistics(self) -> None:
        """What `freeze_batchnorm` of pipeline.config does: normalise by the moving averages in training too.

        Scale and offset train on. Nothing changes where conv_hyperparams decide: see BatchNormParams.
        """
        if not self._params.from_config:
            self._params = replace(self._params, train=False)

    @property
    def epsilon(self) -> float:
        """What is added to the variance before its root is taken."""
        return self._params.epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        def weight(name: str, initial: str, trainable: bool) -> keras.Variable:
            return self.add_weight(
                name=name,
                shape=input_shape[-1:],
                initializer=initial,
                trainable=trainable,
                dtype="float32",
                autocast=False,
                # Replicas normalise by the statistics of their own images each, and move these averages by
                # the mean of what each would move them by.
                aggregation="none" if trainable else "mean",
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
        rate = tf.constant(1.0 - self._params.decay)
        mean, variance = self.moving_mean.value, self.moving_variance.value
        mean.assign_sub((mean - batch_mean) * rate)
        variance.assign_sub((variance - batch_variance) * rate)
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


class LevelBatchNorms(keras.layers.Layer):
    """A batch norm for each feature map that shares a convolution, in scopes `BatchNorm/feature_<i>`."""

    def __init__(self, params: BatchNormParams, levels: int) -> None:
        super().__init__(name="BatchNorm")
        self.levels = [BatchNorm(params, f"feature_{level}") for level in range(levels)]

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        for batch_norm in self.levels:
            batch_norm.build(input_shape)

    def of(self, level: int | None) -> BatchNorm:
        """The batch norm of a feature map; ValueError without one."""
        if level is None:
            raise ValueError("a convolution that feature maps share needs the index of the map")
        return self.levels[level]


class Conv(keras.layers.Layer):
    """One slim convolution: kernel, then batch norm or bias, then activation.

    Args:
      filters: output channels, or None for a depthwise convolution (slim's separable_conv2d without outputs).
      kernel_size, stride: of both spatial axes.
      hyperparams: batch norm, activation, initializer, regulariser.
      name: the TF1 scope, for example `Conv2d_0`.
      explicit_padding: pad by (kernel - 1) // 2 first and convolve VALID, instead of SAME.
      dilation: rate of atrous convolution; with one above 1 the stride is 1.
      bias_init: the bias's initial value.
      levels: how many feature maps share this convolution, each with a batch norm of its own; or None.
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
        dilation: int = 1,
        bias_init: float = 0.0,
        levels: int | None = None,
    ) -> None:
        super().__init__(name=name)
        self._filters = filters
        self._kernel_size = kernel_size
        self._stride = stride
        self._hyperparams = hyperparams
        self._explicit_padding = explicit_padding and kernel_size > 1
        self._dilation = dilation
        self._bias_init = bias_init
        self.batch_norm: BatchNorm | None = None
        self.level_batch_norms: LevelBatchNorms | None = None
        if hyperparams.batch_norm:
            if levels is None:
                self.batch_norm = BatchNorm(hyperparams.batch_norm)
            else:
                self.level_batch_norms = LevelBatchNorms(hyperparams.batch_norm, levels)

    def build(self, input_shape: tuple[Any, ...]) -> None:
        outputs = self._build_kernels(input_shape[-1])
        self.bias: Any = None
        batch_norm = self.batch_norm or self.level_batch_norms
        if batch_norm is not None:
            batch_norm.build((*input_shape[:-1], outputs))
        else:
            initial = keras.initializers.Constant(self._bias_init)
            self.bias = self.add_weight(name="bias", shape=(outputs,), initializer=initial, autocast=False)

    def call(self, inputs: tf.Tensor, training: bool = False, level: int | None = None) -> tf.Tensor:
        """`[B, H, W, C]` -> `[B, ceil(H / stride), ceil(W / stride), filters]`.

        `training` is batch norm's; `level` the index of the feature map, if several share the convolution.
        """
        padding = "SAME"
        if self._explicit_padding:
            padding = "VALID"
            total = (self._kernel_size - 1) * self._dilation
            sides = [total // 2, total - total // 2]
            inputs = tf.pad(inputs, [[0, 0], sides, sides, [0, 0]])
        batch_norm = self.batch_norm
        if self.level_batch_norms is not None:
            batch_norm = self.level_batch_norms.of(level)
        moving = batch_norm if training and batch_norm is not None and batch_norm.trains else None
        scale, offset = None, None if self.bias is None else self.bias.value
        if batch_norm is not None and moving is None:
            # Frozen batch norm is folded into the kernel: the same function with one pass less over the
            # activations, forward and backward (a tenth of a training step on a CPU).
            scale, offset = batch_norm.frozen()
        outputs = self._convolve(inputs, padding, scale)
        if moving is not None:
            outputs = moving(outputs)
        else:
            outputs = tf.nn.bias_add(outputs, tf.cast(offset, outputs.dtype))
        activation = self._hyperparams.activation
        return outputs if activation is None else activation(outputs)

    def penalty(self) -> tf.Tensor:
        """Regularisation loss of the kernels, a float32 scalar (slim regularises no bias)."""
        return tf.add_n([self._hyperparams.penalty(kernel.value) for kernel in self._kernels()])

    def _build_kernels(self, channels: int) -> int:
        """Create the kernels for so many input channels; the number of output channels."""
        if self._filters is None:
            self.kernel = self._kernel("depthwise_kernel", self._kernel_size, channels, 1)
            return channels
        self.kernel = self._kernel("kernel", self._kernel_size, channels, self._filters)
        return self._filters

    def _kernel(self, name: str, size: int, inputs: int, outputs: int) -> Any:
        return self.add_weight(
            name=name,
            shape=(size, size, inputs, outputs),
            initializer=self._hyperparams.make_initializer(),
            autocast=False,
        )

    def _kernels(self) -> list[Any]:
        return [self.kernel]

    def _convolve(self, inputs: tf.Tensor, padding: str, scale: tf.Tensor | None) -> tf.Tensor:
        """Convolution alone; `scale`, `[outputs]`, multiplies what comes out."""
        kernel = self.kernel.value
        if scale is not None:
            kernel = kernel * (scale[:, tf.newaxis] if self._filters is None else scale)
        kernel = tf.cast(kernel, inputs.dtype)
        strides, rates = [self._stride, self._stride], [self._dilation, self._dilation]
        if self._filters is None:
            return tf.nn.depthwise_conv2d(inputs, kernel, [1, *strides, 1], padding, dilations=rates)
        # not conv2d, whose kernel has no gradient with dilation on CPUs without oneDNN: this one moves the
        # cells between batch and space, as slim's does
        return tf.nn.convolution(inputs, kernel, strides, padding, dilations=rates)
