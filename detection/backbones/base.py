"""What every backbone is to the detector: from an image to named endpoints and feature maps."""

from __future__ import annotations

import keras
import tensorflow as tf

from detection.feature_maps import FeatureMapLayout, feature_map_layers
from detection.hyperparams import ConvHyperparams
from detection.preprocess import normalize


class Backbone(keras.layers.Layer):
    """A network in a TF1 scope, and what the Object Detection API put into the same scope.

    slim put the smaller feature maps that SSD grows from the last endpoint in the backbone's scope
    (`MobilenetV2/Conv_1`, `MobilenetV2/layer_19_1_Conv2d_2_1x1_256`), so one layer owns both. `neck`, a
    feature pyramid, then turns these maps into the detector's. Subclasses fill `trunk`, layers one after
    another with slim's endpoints as names, or give `endpoints` where a layer has more than one.
    """

    def __init__(
        self,
        *,
        name: str,
        layout: FeatureMapLayout,
        depth_multiplier: float,
        min_depth: int,
        feature_map_hyperparams: ConvHyperparams,
        neck: keras.layers.Layer | None = None,
    ) -> None:
        super().__init__(name=name)
        self._layout = layout
        self.feature_map_layers = feature_map_layers(
            layout,
            depth_multiplier=depth_multiplier,
            min_depth=min_depth,
            hyperparams=feature_map_hyperparams,
        )
        self.trunk: list[keras.layers.Layer] = []
        self.neck = neck

    def preprocess(self, images: tf.Tensor) -> tf.Tensor:
        """Images `[B, H, W, 3]` float32 of 0..255 -> the network's input; [-1, 1] unless overridden."""
        return normalize(images)

    def endpoints(self, images: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        """Activations by slim's endpoint name, from preprocessed images `[B, H, W, 3]`."""
        found = {}
        features = images
        for layer in self.trunk:
            features = layer(features, training=training)
            found[layer.name] = features
        return found

    def call(self, images: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Feature maps, finest first, each `[B, h, w, C]`; `training` is batch norm's."""
        endpoints = self.endpoints(images, training)
        maps = [endpoints[name] for name in self._layout.from_layers]
        features = maps[-1]
        for number, layer in enumerate(self.feature_map_layers, start=1):
            features = layer(features, training=training)
            if number % self._layout.layers_by_map == 0:
                maps.append(features)
        return maps if self.neck is None else self.neck(maps, training=training)
