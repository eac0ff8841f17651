"""MobileNet v2 (Sandler et al., 2018), with slim's scopes and semantics."""

from __future__ import annotations

from dataclasses import replace

import keras
import tensorflow as tf

from detection.backbones.base import Backbone
from detection.backbones.expanded_conv import DIVISOR, ExpandedConv, make_divisible
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import Conv

ENDPOINTS = ("layer_15/expansion_output", "layer_19")
# of strides 4, 8, 16 and 32
PYRAMID_ENDPOINTS = ("layer_4", "layer_7", "layer_14", "layer_19")

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


class MobilenetV2(Backbone):
    """MobileNet v2 up to layer_19 (Conv_1, nominally `top_depth` deep), and what SSD adds, in its scope."""

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
        top_depth: int = 1280,
        neck: keras.layers.Layer | None = None,
    ) -> None:
        super().__init__(
            name="MobilenetV2",
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=feature_map_hyperparams,
            neck=neck,
        )

        def depth(nominal: int) -> int:
            return make_divisible(nominal * depth_multiplier, DIVISOR, min_depth)

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
                    expanded_depth=make_divisible(previous * 6, DIVISOR, DIVISOR) if index else previous,
                    stride=stride,
                    hyperparams=hyperparams,
                    regularize_depthwise=regularize_depthwise,
                    use_explicit_padding=use_explicit_padding,
                    name=f"expanded_conv_{index}" if index else "expanded_conv",
                )
            )
            previous = depth(nominal)
            if layout.from_layers[-1] == f"layer_{index + 2}":
                break  # TF1 goes on to Conv_1 whether or not anything reads it
        self.blocks = blocks
        self.top = None
        if layout.from_layers[-1] == "layer_19":
            self.top = Conv(depth(top_depth), 1, hyperparams=hyperparams, name="Conv_1")

    def endpoints(self, images: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        found = {}
        features = self.stem(images, training=training)
        for number, block in enumerate(self.blocks, start=2):
            features, expanded = block(features, training=training)
            found[f"layer_{number}/expansion_output"] = expanded
            found[f"layer_{number}"] = features
        if self.top is not None:
            found["layer_19"] = self.top(features, training=training)
        return found
