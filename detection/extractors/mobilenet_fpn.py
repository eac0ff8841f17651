"""The MobileNets of SSD with a feature pyramid, from an `SsdFeatureExtractor` proto.

With `use_depthwise` (the configs called fpnlite) the OD API also narrows the backbone's last layers.
"""

from __future__ import annotations

from typing import Any

from detection.backbones import mobilenet_v1 as v1
from detection.backbones import mobilenet_v2 as v2
from detection.extractors.pyramid import pyramid, pyramid_layout
from detection.feature_extractor import FeatureExtractor
from detection.fpn import FeaturePyramid
from detection.hyperparams import ConvHyperparams, conv_hyperparams

_WHERE = "model.ssd.feature_extractor"


def mobilenet_v1_fpn(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v1_fpn: maps from Conv2d_3, 5, 11 and 13 for levels 2 to 5."""
    feature_maps = conv_hyperparams(config.conv_hyperparams, f"{_WHERE}.conv_hyperparams")
    override = config.override_base_feature_extractor_hyperparams
    backbone = v1.MobilenetV1(
        layout=pyramid_layout(config, v1.PYRAMID_ENDPOINTS),
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=feature_maps if override else v1.SLIM_HYPERPARAMS,
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=True,
        use_explicit_padding=config.use_explicit_padding,
        top_depths=(512, 256) if config.use_depthwise else (1024, 1024),
        neck=_pyramid(config, feature_maps, first=14),
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)


def mobilenet_v2_fpn(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v2_fpn: maps from layer_4, 7, 14 and 19 for levels 2 to 5."""
    feature_maps = conv_hyperparams(config.conv_hyperparams, f"{_WHERE}.conv_hyperparams")
    override = config.override_base_feature_extractor_hyperparams
    backbone = v2.MobilenetV2(
        layout=pyramid_layout(config, v2.PYRAMID_ENDPOINTS),
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=v2.overridden_hyperparams(feature_maps) if override else v2.SLIM_HYPERPARAMS,
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=override,
        use_explicit_padding=config.use_explicit_padding,
        top_depth=256 if config.use_depthwise else 1280,
        neck=_pyramid(config, feature_maps, first=20),
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)


def _pyramid(config: Any, hyperparams: ConvHyperparams, first: int) -> FeaturePyramid:
    return pyramid(
        config,
        hyperparams,
        "bottom_up_Conv2d_",
        first=first,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
