"""Every supported feature extractor by its type."""

from __future__ import annotations

from typing import Any

from detection.extractors import (
    inception_v2,
    mobilenet,
    mobilenet_fpn,
    mobilenet_v1_ppn,
    mobilenet_v3,
    resnet_fpn,
)
from detection.feature_extractor import ExtractorBuilder, FeatureExtractor

# by model.ssd.feature_extractor.type
EXTRACTORS: dict[str, ExtractorBuilder] = {
    "ssd_mobilenet_v1": mobilenet.mobilenet_v1,
    "ssd_mobilenet_v2": mobilenet.mobilenet_v2,
    "embedded_ssd_mobilenet_v1": mobilenet.embedded_mobilenet_v1,
    "ssd_inception_v2": inception_v2.inception_v2,
    "ssd_mobilenet_edgetpu": mobilenet_v3.mobilenet_edgetpu,
    "ssd_mobilenet_v1_fpn": mobilenet_fpn.mobilenet_v1_fpn,
    "ssd_mobilenet_v2_fpn": mobilenet_fpn.mobilenet_v2_fpn,
    "ssd_mobilenet_v1_ppn": mobilenet_v1_ppn.mobilenet_v1_ppn,
    "ssd_mobilenet_v3_large": mobilenet_v3.mobilenet_v3_large,
    "ssd_mobilenet_v3_small": mobilenet_v3.mobilenet_v3_small,
    "ssd_resnet50_v1_fpn": resnet_fpn.resnet50_fpn,
    "ssd_resnet101_v1_fpn": resnet_fpn.resnet101_fpn,
    "ssd_resnet152_v1_fpn": resnet_fpn.resnet152_fpn,
}


def feature_extractor(config: Any) -> FeatureExtractor:
    """The backbone, feature maps included, of a supported `SsdFeatureExtractor` proto."""
    return EXTRACTORS[config.type](config)
