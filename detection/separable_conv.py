"""slim's separable convolution: depthwise and pointwise kernels under one scope and one batch norm."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from detection.hyperparams import ConvHyperparams
from detection.layers import Conv


class SeparableConv(Conv):
    """A depthwise convolution, then a 1x1 one, with nothing between them; then as Conv.

    Follows slim's separable_conv2d with outputs. Both kernels start from the hyperparameters' initializer
    and are both regularised.

    Args:
      filters: output channels.
      depth_multiplier: channels that the depthwise kernel makes of each input channel.
      kernel_size, hyperparams, name, stride, explicit_padding, bias_init, levels: as Conv's.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        *,
        hyperparams: ConvHyperparams,
        name: str,
        stride: int = 1,
        depth_multiplier: int = 1,
        explicit_padding: bool = False,
        bias_init: float = 0.0,
        levels: int | None = None,
    ) -> None:
        super().__init__(
            filters,
            kernel_size,
            hyperparams=hyperparams,
            name=name,
            stride=stride,
            explicit_padding=explicit_padding,
            bias_init=bias_init,
            levels=levels,
        )
        self._outputs = filters
        self._depth_multiplier = depth_multiplier

    def _build_kernels(self, channels: int) -> int:
        each = self._depth_multiplier
        self.depthwise_kernel = self._kernel("depthwise_kernel", self._kernel_size, channels, each)
        self.pointwise_kernel = self._kernel("pointwise_kernel", 1, channels * each, self._outputs)
        return self._outputs

    def _kernels(self) -> list[Any]:
        return [self.depthwise_kernel, self.pointwise_kernel]

    def _convolve(self, inputs: tf.Tensor, padding: str, scale: tf.Tensor | None) -> tf.Tensor:
        pointwise = self.pointwise_kernel.value
        if scale is not None:
            pointwise = pointwise * scale
        depthwise = tf.cast(self.depthwise_kernel.value, inputs.dtype)
        strides = [1, self._stride, self._stride, 1]
        return tf.nn.separable_conv2d(inputs, depthwise, tf.cast(pointwise, inputs.dtype), strides, padding)
