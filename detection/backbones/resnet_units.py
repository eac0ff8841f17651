"""Residual units of ResNet v1, and blocks of them."""

from __future__ import annotations

from dataclasses import replace

import keras
import tensorflow as tf

from detection.backbones.scopes import Sequence
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv

WIDENING = 4  # a unit's output has so many times the depth of its bottleneck


class Bottleneck(keras.layers.Layer):
    """Residual unit `bottleneck_v1`: 1x1, 3x3, 1x1 (linear), added to the shortcut, then a plain ReLU.

    The last ReLU stays one whatever activation the hyperparameters give the convolutions. A unit strides in
    its 3x3, by explicit padding. The shortcut is a 1x1 convolution only where the depth changes.
    """

    def __init__(
        self,
        input_depth: int,
        bottleneck_depth: int,
        *,
        stride: int,
        rate: int,
        hyperparams: ConvHyperparams,
    ) -> None:
        super().__init__(name="bottleneck_v1")
        linear = replace(hyperparams, activation=None)
        depth = WIDENING * bottleneck_depth
        self._stride = stride
        self.shortcut = None
        if input_depth != depth:
            self.shortcut = Conv(depth, 1, stride=stride, hyperparams=linear, name="shortcut")
        self.conv1 = Conv(bottleneck_depth, 1, hyperparams=hyperparams, name="conv1")
        self.conv2 = Conv(
            bottleneck_depth,
            3,
            stride=stride,
            explicit_padding=stride > 1,
            dilation=rate,
            hyperparams=hyperparams,
            name="conv2",
        )
        self.conv3 = Conv(depth, 1, hyperparams=linear, name="conv3")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        if self.shortcut is None:
            shortcut = _subsample(inputs, self._stride)
        else:
            shortcut = self.shortcut(inputs, training=training)
        features = self.conv2(self.conv1(inputs, training=training), training=training)
        return tf.nn.relu(shortcut + self.conv3(features, training=training))


class Subsample(keras.layers.Layer):
    """Every `stride`-th row and column, from the first."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self._stride = stride

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return _subsample(inputs, self._stride)


def _subsample(features: tf.Tensor, stride: int) -> tf.Tensor:
    return features[:, ::stride, ::stride] if stride > 1 else features


def resnet_v1_block(
    name: str,
    num_units: int,
    *,
    input_depth: int,
    bottleneck_depth: int,
    hyperparams: ConvHyperparams,
    stride: int = 1,
    rate: int = 1,
) -> Sequence:
    """One block, `name/unit_1/bottleneck_v1` and on; the last unit strides, every 3x3 has the atrous rate."""
    units: list[keras.layers.Layer] = []
    for number in range(1, num_units + 1):
        unit = Bottleneck(
            input_depth,
            bottleneck_depth,
            stride=stride if number == num_units else 1,
            rate=rate,
            hyperparams=hyperparams,
        )
        units.append(Sequence(f"unit_{number}", [unit]))
        input_depth = WIDENING * bottleneck_depth
    return Sequence(name, units)
