"""SSD with MobileNet v3 or MobileNet EdgeTPU, from an `SsdFeatureExtractor` proto."""

from __future__ import annotations

from typing import Any

from detection.backbones import mobilenet_v2, mobilenet_v3
from detection.errors import BadInput
from detection.feature_extractor import FeatureExtractor
from detection.feature_maps import ssd_layout
from detection.hyperparams import conv_hyperparams

_WHERE = "model.ssd.feature_extractor"
_NUM_MAPS = 6


def mobilenet_v3_large(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v3_large."""
    return _extractor(mobilenet_v3.LARGE, config)


def mobilenet_v3_small(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_v3_small."""
    return _extractor(mobilenet_v3.SMALL, config)


def mobilenet_edgetpu(config: Any) -> FeatureExtractor:
    """ssd_mobilenet_edgetpu."""
    return _extractor(mobilenet_v3.EDGETPU, config)


def _extractor(network: mobilenet_v3.Network, config: Any) -> FeatureExtractor:
    """As SSDMobileNetV3FeatureExtractorBase; BadInput for explicit padding and for other than six maps."""
    if config.use_explicit_padding:
        raise BadInput(
            f"use_explicit_padding is not supported with {config.type}",
            f"{_WHERE}.use_explicit_padding",
            "remove the line; TF1's padding enlarges every map here, and no published model was trained so",
        )
    if config.num_layers != _NUM_MAPS:
        raise BadInput(
            f"{config.type} has {_NUM_MAPS} feature maps, and num_layers is {config.num_layers}",
            f"{_WHERE}.num_layers",
            "remove the line, as TF1 demands",
        )
    feature_maps = conv_hyperparams(config.conv_hyperparams, f"{_WHERE}.conv_hyperparams")
    override = config.override_base_feature_extractor_hyperparams
    backbone = mobilenet_v3.MobilenetV3(
        network,
        layout=ssd_layout(
            network.endpoints, _NUM_MAPS, use_depthwise=config.use_depthwise, use_explicit_padding=False
        ),
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=(
            mobilenet_v2.overridden_hyperparams(feature_maps) if override else mobilenet_v2.SLIM_HYPERPARAMS
        ),
        feature_map_hyperparams=feature_maps,
        regularize_depthwise=override,
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)
