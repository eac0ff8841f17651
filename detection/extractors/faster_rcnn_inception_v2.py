"""Faster R-CNN Inception v2's feature extractors from their proto."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from detection.backbones.inception_v2 import inception_v2_layers
from detection.backbones.scopes import Sequence
from detection.hyperparams import BatchNormParams, ConvHyperparams
from detection.preprocess import normalize
from detection.two_stage_extractor import TwoStageExtractor

_MIN_DEPTH = 16


def faster_rcnn_inception_v2(config: Any, depth_multiplier: float = 1.0) -> TwoStageExtractor:
    """Both extractors of a `FasterRcnnFeatureExtractor` proto: up to Mixed_4e, then Mixed_5a to Mixed_5c.

    The OD API gives this extractor a stride of 16 whatever the config says. `depth_multiplier` has no field
    there: only a checkpoint of changed TF1 code has another than 1.
    """
    hyperparams = ConvHyperparams(
        batch_norm=BatchNormParams(
            decay=0.9997, epsilon=0.001, scale=True, train=config.batch_norm_trainable
        ),
        activation=tf.nn.relu,
        initializer=keras.initializers.GlorotUniform(),
    )

    def part(scope: str, first: str, last: str) -> Sequence:
        layers = inception_v2_layers(
            first, last, depth_multiplier=depth_multiplier, min_depth=_MIN_DEPTH, hyperparams=hyperparams
        )
        return Sequence(scope, [Sequence("InceptionV2", layers)])

    return TwoStageExtractor(
        first_stage=part("FirstStageFeatureExtractor", "Conv2d_1a_7x7", "Mixed_4e"),
        second_stage=part("SecondStageFeatureExtractor", "Mixed_5a", "Mixed_5c"),
        preprocess=normalize,
    )
