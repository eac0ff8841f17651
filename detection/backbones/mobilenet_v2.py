"""MobileNet v2 (Sandler et al., 2018), with slim's scopes and semantics."""

from __future__ import annotations

from dataclasses import replace

import keras
import tensorflow as tf

from detection.backbones.base import Backbone
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import Conv

ENDPOINTS = ("layer_15/expansion_output", "layer_19")

_DIVISOR = 8

# (stride, nominal depth) of expanded_conv, expanded_conv_1 .. expanded_conv_16; slim counts them from layer_2
_EXPANDED = (
    (1, 16),
    (2, 24),
    (1, 24),
    (2, 32),
    (1, 32),
    (1, 32),
    (2, 64),
    (1, 64),
    (1, 64),
    (1, 64),
    (1, 96),
    (1, 96),
    (1, 96),
    (2, 160),
    (1, 160),
    (1, 160),
    (1, 320),
)

# slim's own settings, in force unless the config overrides the base network's hyperparameters
SLIM_HYPERPARAMS = ConvHyperparams(
    batch_norm=BatchNormParams(decay=0.9997, epsilon=0.001, scale=True), l2=4e-5
)


def overridden_hyperparams(config: ConvHyperparams) -> ConvHyperparams:
    """The base network's hyperparameters when the config overrides them.

    The network's definition still wins for ReLU6, batch norm's presence, centre and scale: slim applies it
    inside the config's arg scope.
    """
    batch_norm = config.batch_norm or BatchNormParams(decay=0.9997)
    return replace(config, activation=tf.nn.relu6, batch_norm=replace(batch_norm, center=True, scale=True))


def make_divisible(depth: float, divisor: int, minimum: int) -> int:
    """`depth` rounded to a multiple of `divisor`, at least `minimum`, and never more than 10 % down."""
    rounded = max(minimum, int(depth + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * depth else rounded


class ExpandedConv(keras.layers.Layer):
    """Inverted residual: expand 1x1, depthwise 3x3, project 1x1 (linear), plus the input where shapes agree.

    The residual is decided on real depths, after the depth multiplier and min_depth, as slim does.
    `call` returns (output, expansion output); the second is the input's depth where nothing expands.
    """

    def __init__(
        self,
        input_depth: int,
        depth: int,
        *,
        stride: int,
        expansion: int,
        hyperparams: ConvHyperparams,
        regularize_depthwise: bool,
        use_explicit_padding: bool,
        name: str,
    ) -> None:
        super().__init__(name=name)
        self._residual = stride == 1 and input_depth == depth
        self.expand = None
        if expansion > 1:
            inner = make_divisible(input_depth * expansion, _DIVISOR, _DIVISOR)
            self.expand = Conv(inner, 1, hyperparams=hyperparams, name="expand")
        self.depthwise = Conv(
            None,
            3,
            stride=stride,
            explicit_padding=use_explicit_padding,
            hyperparams=hyperparams if regularize_depthwise else replace(hyperparams, l2=0.0, l1=0.0),
            name="depthwise",
        )
        self.project = Conv(depth, 1, hyperparams=replace(hyperparams, activation=None), name="project")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        expanded = inputs if self.expand is None else self.expand(inputs, training=training)
        outputs = self.project(self.depthwise(expanded, training=training), training=training)
        return (outputs + inputs if self._residual else outputs), expanded


class MobilenetV2(Backbone):
    """MobileNet v2 up to layer_19 (Conv_1), and SSD's grown feature maps, in scope `MobilenetV2`."""

    def __init__(
        self,
        *,
        layout: FeatureMapLayout,
        depth_multiplier: float,
        min_depth: int,
        hyperparams: ConvHyperparams,
        feature_map_hyperparams: ConvHyperparams,
        regularize_depthwise: bool,
        use_explicit_padding: bool = False,
    ) -> None:
        super().__init__(
            name="MobilenetV2",
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=feature_map_hyperparams,
        )

        def depth(nominal: int) -> int:
            return make_divisible(nominal * depth_multiplier, _DIVISOR, min_depth)

        previous = depth(32)
        self.stem = Conv(
            previous,
            3,
            stride=2,
            explicit_padding=use_explicit_padding,
            hyperparams=hyperparams,
            name="Conv",
        )
        blocks = []
        for index, (stride, nominal) in enumerate(_EXPANDED):
            blocks.append(
                ExpandedConv(
                    previous,
                    depth(nominal),
                    stride=stride,
                    expansion=6 if index else 1,
                    hyperparams=hyperparams,
                    regularize_depthwise=regularize_depthwise,
                    use_explicit_padding=use_explicit_padding,
                    name=f"expanded_conv_{index}" if index else "expanded_conv",
                )
            )
            previous = depth(nominal)
        self.blocks = blocks
        self.top = Conv(depth(1280), 1, hyperparams=hyperparams, name="Conv_1")

    def endpoints(self, images: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        found = {}
        features = self.stem(images, training=training)
        for number, block in enumerate(self.blocks, start=2):
            features, expanded = block(features, training=training)
            found[f"layer_{number}/expansion_output"] = expanded
            found[f"layer_{number}"] = features
        found["layer_19"] = self.top(features, training=training)
        return found
