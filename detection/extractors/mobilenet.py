"""The MobileNets of SSD with grown feature maps, from an `SsdFeatureExtractor` proto."""

from __future__ import annotations

from typing import Any

from detection.backbones import mobilenet_v1 as v1
from detection.backbones import mobilenet_v2 as v2
from detection.feature_extractor import FeatureExtractor
from detection.feature_maps import embedded_layout, ssd_layout
from detection.hyperparams import conv_hyperparams

_WHERE = "model.ssd.feature_extractor.conv_hyperparams"


def mobilenet_v1(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v1 (and its ssdlite: `use_depthwise`)."""
    layout = ssd_layout(
        v1.ENDPOINTS,
        config.num_layers,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
    feature_maps = conv_hyperparams(config.conv_hyperparams, _WHERE)
    override = config.override_base_feature_extractor_hyperparams
    backbone = v1.MobilenetV1(
        layout=layout,
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=feature_maps if override else v1.SLIM_HYPERPARAMS,
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=True,
        use_explicit_padding=config.use_explicit_padding,
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)


def embedded_mobilenet_v1(config: Any) -> FeatureExtractor:
    """embedded_ssd_mobilenet_v1: five maps of a 256x256 image."""
    # the OD API's class drops num_layers and the override on the way to its parent; so do its checkpoints
    layout = embedded_layout(
        v1.ENDPOINTS,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
    backbone = v1.MobilenetV1(
        layout=layout,
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=v1.SLIM_HYPERPARAMS,
        feature_map_hyperparams=conv_hyperparams(config.conv_hyperparams, _WHERE),
        regularize_depthwise=False,
        use_explicit_padding=config.use_explicit_padding,
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)


def mobilenet_v2(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v2 (and its ssdlite: `use_depthwise`)."""
    layout = ssd_layout(
        v2.ENDPOINTS,
        config.num_layers,
        use_depthwise=config.use_depthwise,
        use_explicit_padding=config.use_explicit_padding,
    )
    feature_maps = conv_hyperparams(config.conv_hyperparams, _WHERE)
    override = config.override_base_feature_extractor_hyperparams
    backbone = v2.MobilenetV2(
        layout=layout,
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=(v2.overridden_hyperparams(feature_maps) if override else v2.SLIM_HYPERPARAMS),
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=override,
        use_explicit_padding=config.use_explicit_padding,
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)
