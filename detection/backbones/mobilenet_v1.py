"""MobileNet v1 (Howard et al., 2017), with slim's scopes and semantics."""

from __future__ import annotations

from dataclasses import replace

import tensorflow as tf

from detection.backbones.base import Backbone
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import Conv

ENDPOINTS = ("Conv2d_11_pointwise", "Conv2d_13_pointwise")

# (stride, nominal depth) of the depthwise separable convolutions Conv2d_1 .. Conv2d_13
_SEPARABLE = (
    (1, 64),
    (2, 128),
    (1, 128),
    (2, 256),
    (1, 256),
    (2, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (1, 512),
    (2, 1024),
    (1, 1024),
)

# slim's own settings, in force unless the config overrides the base network's hyperparameters
SLIM_HYPERPARAMS = ConvHyperparams(
    batch_norm=BatchNormParams(decay=0.9997, epsilon=0.001, scale=True), l2=4e-5
)


class MobilenetV1(Backbone):
    """MobileNet v1 up to Conv2d_13, and SSD's grown feature maps, in scope `MobilenetV1`.

    The depth multiplier is applied once, `max(int(depth * multiplier), min_depth)`.
    """

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
            name="MobilenetV1",
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=feature_map_hyperparams,
        )
        depthwise = hyperparams if regularize_depthwise else replace(hyperparams, l2=0.0, l1=0.0)

        def depth(nominal: int) -> int:
            return max(int(nominal * depth_multiplier), min_depth)

        convs = [
            Conv(
                depth(32),
                3,
                stride=2,
                explicit_padding=use_explicit_padding,
                hyperparams=hyperparams,
                name="Conv2d_0",
            )
        ]
        for index, (stride, nominal) in enumerate(_SEPARABLE, start=1):
            convs.append(
                Conv(
                    None,
                    3,
                    stride=stride,
                    explicit_padding=use_explicit_padding,
                    hyperparams=depthwise,
                    name=f"Conv2d_{index}_depthwise",
                )
            )
            convs.append(Conv(depth(nominal), 1, hyperparams=hyperparams, name=f"Conv2d_{index}_pointwise"))
        self.convs = convs

    def endpoints(self, images: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        found = {}
        features = images
        for conv in self.convs:
            features = conv(features, training=training)
            found[conv.name] = features
        return found
