"""Faster R-CNN Inception-ResNet v2's feature extractors from their proto."""

from __future__ import annotations

from typing import Any

from detection.backbones.inception_resnet_v2 import image_layers, proposal_layers, slim_hyperparams
from detection.backbones.scopes import Sequence
from detection.preprocess import normalize
from detection.two_stage_extractor import TwoStageExtractor, features_stride

_SCOPE = "InceptionResnetV2"


def faster_rcnn_inception_resnet_v2(config: Any) -> TwoStageExtractor:
    """Both extractors of a `FasterRcnnFeatureExtractor` proto: up to PreAuxLogits, then from Mixed_7a.

    A stride of 8 is the zoo's "atrous" model. BadInput for another than 8 and 16.
    """
    stride = features_stride(config)
    hyperparams = slim_hyperparams(config.batch_norm_trainable)
    return TwoStageExtractor(
        first_stage=Sequence(
            "FirstStageFeatureExtractor", [Sequence(_SCOPE, image_layers(stride, hyperparams))]
        ),
        second_stage=Sequence(
            "SecondStageFeatureExtractor", [Sequence(_SCOPE, proposal_layers(hyperparams))]
        ),
        preprocess=normalize,
    )
