"""The ResNets v1 of SSD with a feature pyramid, from an `SsdFeatureExtractor` proto."""

from __future__ import annotations

from typing import Any

from detection.backbones import resnet_v1
from detection.errors import BadInput
from detection.extractors.pyramid import pyramid, pyramid_layout
from detection.feature_extractor import FeatureExtractor
from detection.hyperparams import conv_hyperparams

_WHERE = "model.ssd.feature_extractor"


def resnet50_fpn(config: Any) -> FeatureExtractor:
    """ssd_resnet50_v1_fpn."""
    return _resnet_fpn("resnet_v1_50", config)


def resnet101_fpn(config: Any) -> FeatureExtractor:
    """ssd_resnet101_v1_fpn."""
    return _resnet_fpn("resnet_v1_101", config)


def resnet152_fpn(config: Any) -> FeatureExtractor:
    """ssd_resnet152_v1_fpn."""
    return _resnet_fpn("resnet_v1_152", config)


def _resnet_fpn(architecture: str, config: Any) -> FeatureExtractor:
    """Maps from block1 to block4 for levels 2 to 5. As in TF1, `use_depthwise` changes nothing here."""
    if config.use_explicit_padding:
        raise BadInput(
            "a ResNet has no use_explicit_padding", f"{_WHERE}.use_explicit_padding", "remove the line"
        )
    hyperparams = conv_hyperparams(config.conv_hyperparams, f"{_WHERE}.conv_hyperparams")
    override = config.override_base_feature_extractor_hyperparams
    backbone = resnet_v1.ResnetV1(
        architecture,
        layout=pyramid_layout(config, resnet_v1.BLOCKS),
        depth_multiplier=config.depth_multiplier,
        min_depth=config.min_depth,
        hyperparams=(
            resnet_v1.overridden_hyperparams(hyperparams) if override else resnet_v1.SLIM_HYPERPARAMS
        ),
        neck=pyramid(config, hyperparams, "bottom_up_block"),
    )
    return FeatureExtractor(backbone, config.pad_to_multiple)
