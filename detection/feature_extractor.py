"""TF1 scope `FeatureExtractor`: all that comes between the preprocessed image and the box predictors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from detection.backbones.base import Backbone


class FeatureExtractor(keras.layers.Layer):
    """Pads the image to a multiple of `pad_to_multiple`, runs the backbone."""

    def __init__(self, backbone: Backbone, pad_to_multiple: int = 1) -> None:
        super().__init__(name="FeatureExtractor")
        self._pad_to_multiple = pad_to_multiple
        self.backbone = backbone

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """Resized images `[B, H, W, 3]` float32 of 0..255 -> the network's input, of the same shape."""
        return self.backbone.preprocess(images)

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Feature maps of preprocessed images `[B, H, W, 3]`, finest first."""
        bottom, right = (-side % self._pad_to_multiple for side in images.shape[1:3])
        if bottom or right:
            images = tf.pad(images, [[0, 0], [0, bottom], [0, right], [0, 0]])
        return self.backbone(images, training=training)


# what builds one from an `SsdFeatureExtractor` proto
ExtractorBuilder = Callable[[Any], FeatureExtractor]
