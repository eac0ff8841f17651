"""MobileNet v1 (Howard et al., 2017), with slim's scopes and semantics."""

from __future__ import annotations

from dataclasses import replace

import keras

from detection.backbones.base import Backbone
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.layers import Conv

ENDPOINTS = ("Conv2d_11_pointwise", "Conv2d_13_pointwise")
# of strides 4, 8, 16 and 32
PYRAMID_ENDPOINTS = ("Conv2d_3_pointwise", "Conv2d_5_pointwise", *ENDPOINTS)

# (stride, nominal depth) of the depthwise separable convolutions Conv2d_1 .. Conv2d_11
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
)

# slim's own settings, in force unless the config overrides the base network's hyperparameters
SLIM_HYPERPARAMS = ConvHyperparams(
    batch_norm=BatchNormParams(decay=0.9997, epsilon=0.001, scale=True), l2=4e-5
)


class MobilenetV1(Backbone):
    """MobileNet v1 up to the last endpoint that is a feature map, and what SSD adds, in scope `MobilenetV1`.

    The depth multiplier is applied once, `max(int(depth * multiplier), min_depth)`. `top_depths` are the
    nominal depths of Conv2d_12 and Conv2d_13.
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
        top_depths: tuple[int, int] = (1024, 1024),
        neck: keras.layers.Layer | None = None,
    ) -> None:
        super().__init__(
            name="MobilenetV1",
            layout=layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            feature_map_hyperparams=feature_map_hyperparams,
            neck=neck,
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
        separable = (*_SEPARABLE, (2, top_depths[0]), (1, top_depths[1]))
        for index, (stride, nominal) in enumerate(separable, start=1):
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
            if convs[-1].name == layout.from_layers[-1]:
                break  # TF1 goes on to Conv2d_13 whether or not anything reads it
        self.trunk = convs
