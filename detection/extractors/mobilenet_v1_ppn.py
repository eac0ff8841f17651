"""SSD with MobileNet v1 and a pooling pyramid (Jin et al., 2018), from an `SsdFeatureExtractor` proto."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from detection.backbones.mobilenet_v1 import ENDPOINTS, SLIM_HYPERPARAMS, MobilenetV1
from detection.feature_extractor import FeatureExtractor
from detection.feature_maps import FeatureMapLayout
from detection.hyperparams import conv_hyperparams

_WHERE = "model.ssd.feature_extractor.conv_hyperparams"
_NUM_MAPS = 6


class PoolingPyramid(keras.layers.Layer):
    """Feature maps by max pooling 2x2 alone, each half as large as the one before; no variables."""

    def __init__(self, num_maps: int) -> None:
        super().__init__(name="pooling_pyramid")
        self._num_maps = num_maps

    def call(self, maps: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """`[B, h, w, C]`, a list of one -> `num_maps` of them, finest first; `training` is not used."""
        pooled = list(maps)
        while len(pooled) < self._num_maps:
            pooled.append(tf.nn.max_pool2d(pooled[-1], 2, 2, "SAME"))
        return pooled


def mobilenet_v1_ppn(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v1_ppn, as SSDMobileNetV1PpnFeatureExtractor: six maps whatever `num_layers` says.

    TF1 also makes Conv2d_12 and Conv2d_13, which feed nothing; they are not here.
    """
    feature_maps = conv_hyperparams(config.conv_hyperparams, _WHERE)
    override = config.override_base_feature_extractor_hyperparams
    backbone = MobilenetV1(
        layout=FeatureMapLayout(ENDPOINTS[:1], (), ()),
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=feature_maps if override else SLIM_HYPERPARAMS,
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=True,
        use_explicit_padding=config.use_explicit_padding,
        neck=PoolingPyramid(_NUM_MAPS),
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)
