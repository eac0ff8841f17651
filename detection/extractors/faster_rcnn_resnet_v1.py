"""Faster R-CNN ResNet v1's feature extractors from their proto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detection.backbones.resnet_units import resnet_v1_block
from detection.backbones.resnet_v1 import (
    SLIM_HYPERPARAMS,
    UNITS,
    resnet_v1_layers,
    subtract_channel_means,
)
from detection.backbones.scopes import Sequence
from detection.hyperparams import BatchNormParams
from detection.two_stage_extractor import TwoStageExtractor, features_stride

_BLOCK3_DEPTH = 1024
_BLOCK4_BOTTLENECK = 512


def faster_rcnn_resnet50(config: Any) -> TwoStageExtractor:
    """Both extractors of a `FasterRcnnFeatureExtractor` proto of type faster_rcnn_resnet50."""
    return _extractor(config, "resnet_v1_50")


def faster_rcnn_resnet101(config: Any) -> TwoStageExtractor:
    """Both extractors of a `FasterRcnnFeatureExtractor` proto of type faster_rcnn_resnet101."""
    return _extractor(config, "resnet_v1_101")


def faster_rcnn_resnet152(config: Any) -> TwoStageExtractor:
    """Both extractors of a `FasterRcnnFeatureExtractor` proto of type faster_rcnn_resnet152."""
    return _extractor(config, "resnet_v1_152")


def _extractor(config: Any, architecture: str) -> TwoStageExtractor:
    """Blocks 1 to 3 at the config's stride; block 4, without a stride, on the proposals.

    slim builds a block 4 in the first stage too. Nothing reads it and it is not trained: it is left out.
    """
    stride = features_stride(config)
    batch_norm = BatchNormParams(decay=0.997, epsilon=1e-5, scale=True, train=config.batch_norm_trainable)
    hyperparams = replace(SLIM_HYPERPARAMS, batch_norm=batch_norm, l2=0.0)
    first = resnet_v1_layers(architecture, last="block3", hyperparams=hyperparams, output_stride=stride)
    block4 = resnet_v1_block(
        "block4",
        UNITS[architecture][3],
        input_depth=_BLOCK3_DEPTH,
        bottleneck_depth=_BLOCK4_BOTTLENECK,
        hyperparams=hyperparams,
    )
    return TwoStageExtractor(
        first_stage=Sequence("FirstStageFeatureExtractor", [Sequence(architecture, first)]),
        second_stage=Sequence("SecondStageFeatureExtractor", [Sequence(architecture, [block4])]),
        preprocess=subtract_channel_means,
    )
