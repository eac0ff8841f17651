"""Feature pyramid network (Lin et al., 2017), as the Object Detection API's TF1 graphs compute it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import keras
import tensorflow as tf

from detection.errors import BadInput
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv
from detection.separable_conv import SeparableConv

# the backbones' coarsest endpoint has stride 2^5
_BACKBONE_MAX_LEVEL = 5


class FeaturePyramid(keras.layers.Layer):
    """Top-down path over a backbone's maps, then coarser maps by strided convolutions, in scope `fpn`.

    The path hands down the sum before its smoothing convolution (fpn_top_down_feature_maps with slim; the
    OD API's Keras version hands down the smoothed map). The coarsest map of the path is not smoothed.

    Args:
      depth: channels of all maps.
      num_maps: of the backbone, as many as are passed in.
      coarse_names: scopes of the convolutions of the coarser maps.
      use_depthwise: separable convolutions for smoothing and coarser maps.
    """

    def __init__(
        self,
        *,
        depth: int,
        num_maps: int,
        coarse_names: Sequence[str],
        hyperparams: ConvHyperparams,
        use_depthwise: bool = False,
        use_explicit_padding: bool = False,
    ) -> None:
        super().__init__(name="fpn")
        self._crop = use_explicit_padding
        plain = replace(hyperparams, batch_norm=None, activation=None)
        conv = SeparableConv if use_depthwise else Conv

        def layer(name: str, stride: int = 1) -> Conv:
            return conv(
                depth,
                3,
                stride=stride,
                explicit_padding=use_explicit_padding,
                hyperparams=hyperparams,
                name=name,
            )

        numbers = range(1, num_maps + 1)
        self.projections = [Conv(depth, 1, hyperparams=plain, name=f"projection_{n}") for n in numbers]
        self.smoothings = [layer(f"smoothing_{n}") for n in numbers[:-1]]
        self.coarse = [layer(name, stride=2) for name in coarse_names]

    def call(self, maps: Sequence[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """`[B, h, w, C]` each, finest first, each twice as large as the next -> `[B, h, w, depth]` each.

        The coarser ones are appended.
        """
        projected = [
            conv(features, training=training) for conv, features in zip(self.projections, maps, strict=True)
        ]
        top_down = projected[-1]
        pyramid = [top_down]
        for side, smooth in zip(projected[-2::-1], self.smoothings[::-1], strict=True):
            height, width = side.shape[1:3]
            above = tf.repeat(tf.repeat(top_down, 2, axis=1), 2, axis=2)
            if self._crop:
                above = above[:, :height, :width]
            top_down = side + above
            pyramid.insert(0, smooth(top_down, training=training))
        for conv in self.coarse:
            pyramid.append(conv(pyramid[-1], training=training))
        return pyramid


def backbone_levels(min_level: int, max_level: int, where: str) -> range:
    """The pyramid's levels that a backbone has maps of, level n being of stride 2^n.

    BadInput unless there is one, or if the backbones of the OD API have none so fine.
    """
    if not 2 <= min_level <= min(max_level, _BACKBONE_MAX_LEVEL):
        raise BadInput(
            f"the pyramid is from level {min_level} to {max_level}",
            where,
            "min_level is 2 to 5, and max_level not below it: min_level: 3 max_level: 7 is usual",
        )
    return range(min_level, min(max_level, _BACKBONE_MAX_LEVEL) + 1)
