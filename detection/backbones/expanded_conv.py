"""The inverted residual of MobileNet v2 and v3 and of MobileNet EdgeTPU (slim's `expanded_conv`)."""

from __future__ import annotations

from dataclasses import replace

import keras
import tensorflow as tf

from detection.hyperparams import ConvHyperparams
from detection.layers import Conv

DIVISOR = 8


def make_divisible(depth: float, divisor: int, minimum: int) -> int:
    """`depth` rounded to a multiple of `divisor`, at least `minimum`, and never more than 10 % down."""
    rounded = max(minimum, int(depth + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * depth else rounded


def hard_sigmoid(inputs: tf.Tensor) -> tf.Tensor:
    """A piecewise linear sigmoid. slim's factor is 0.16667, not 1/6: checkpoints were trained with it."""
    return tf.nn.relu6(inputs + 3.0) * 0.16667


class SqueezeExcite(keras.layers.Layer):
    """Channels `[B, H, W, C]` gated by their own means over the picture, in TF1 scope `squeeze_excite`."""

    def __init__(self, depth: int, hyperparams: ConvHyperparams) -> None:
        super().__init__(name="squeeze_excite")
        plain = replace(hyperparams, batch_norm=None)
        squeezed = make_divisible(depth / 4, DIVISOR, DIVISOR)
        self.squeeze = Conv(squeezed, 1, hyperparams=replace(plain, activation=tf.nn.relu), name="Conv")
        self.excite = Conv(depth, 1, hyperparams=replace(plain, activation=hard_sigmoid), name="Conv_1")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        means = tf.reduce_mean(inputs, axis=[1, 2], keepdims=True)
        return inputs * self.excite(self.squeeze(means))


class ExpandedConv(keras.layers.Layer):
    """Expand 1x1, depthwise, squeeze and excite, project 1x1 (linear), plus the input where shapes agree.

    `call` returns (output, expansion output); the second is the input where nothing expands.

    Args:
      input_depth, depth: real channels, after the depth multiplier and the minimum. The residual is decided
        on them, as slim does.
      expanded_depth: channels in between; there is no expansion unless it is above `input_depth`.
      hyperparams: their activation is that of the expansion and of the depthwise convolution.
      fused: the expansion is itself a strided `kernel_size` convolution, and nothing is depthwise.
      residual: False leaves the sum out whatever the shapes.
    """

    def __init__(
        self,
        input_depth: int,
        depth: int,
        *,
        expanded_depth: int,
        stride: int,
        hyperparams: ConvHyperparams,
        regularize_depthwise: bool,
        name: str,
        kernel_size: int = 3,
        use_explicit_padding: bool = False,
        squeeze_excite: bool = False,
        fused: bool = False,
        residual: bool = True,
    ) -> None:
        super().__init__(name=name)
        self._residual = residual and stride == 1 and input_depth == depth
        self.expand = None
        if expanded_depth > input_depth:
            self.expand = Conv(
                expanded_depth,
                kernel_size if fused else 1,
                stride=stride if fused else 1,
                hyperparams=hyperparams,
                name="expand",
            )
        self.depthwise = None
        if not fused:
            self.depthwise = Conv(
                None,
                kernel_size,
                stride=stride,
                explicit_padding=use_explicit_padding,
                hyperparams=hyperparams if regularize_depthwise else replace(hyperparams, l2=0.0, l1=0.0),
                name="depthwise",
            )
        self.squeeze_excite = None
        if squeeze_excite:
            self.squeeze_excite = SqueezeExcite(max(expanded_depth, input_depth), hyperparams)
        self.project = Conv(depth, 1, hyperparams=replace(hyperparams, activation=None), name="project")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        expanded = inputs if self.expand is None else self.expand(inputs, training=training)
        features = expanded if self.depthwise is None else self.depthwise(expanded, training=training)
        if self.squeeze_excite is not None:
            features = self.squeeze_excite(features)
        outputs = self.project(features, training=training)
        return (outputs + inputs if self._residual else outputs), expanded
