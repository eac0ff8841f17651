"""The two halves of a backbone that Faster R-CNN splits: the image's features, and each proposal's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from detection.errors import BadInput


@dataclass(frozen=True)
class TwoStageExtractor:
    """A backbone's parts, each a layer in its TF1 scope.

    Attributes:
      first_stage: `FirstStageFeatureExtractor`, image `[B, H, W, 3]` -> features `[B, h, w, D]`.
      second_stage: `SecondStageFeatureExtractor`, cropped features `[N, s, s, D]` -> `[N, t, t, E]`.
      preprocess: float32 images of 0..255 -> the first stage's input.
    """

    first_stage: keras.layers.Layer
    second_stage: keras.layers.Layer
    preprocess: Callable[[tf.Tensor], tf.Tensor]


def features_stride(config: Any) -> int:
    """Pixels between cells of the first stage's features; BadInput for another than 8 and 16."""
    stride = config.first_stage_features_stride
    if stride not in (8, 16):
        raise BadInput(
            f"first_stage_features_stride is {stride}",
            "model.faster_rcnn.feature_extractor.first_stage_features_stride",
            "set it to 8 or 16",
        )
    return int(stride)
