"""Box predictors: box encodings and class logits from feature maps; the one with a head for each map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import keras
import tensorflow as tf

from detection.hyperparams import ConvHyperparams
from detection.layers import Conv


class BoxPredictor(Protocol):
    """Turns feature maps into raw predictions.

    Attributes:
      layers: what it consists of, from `build` on; their scopes stand in the detector's own.
    """

    layers: list[keras.layers.Layer]

    def build(self, maps: Sequence[tf.Tensor], anchors_per_location: Sequence[int], num_classes: int) -> None:
        """Create the layers and their variables, from an example of every feature map `[B, h, w, C]`.

        Call it inside the detector's scope. `num_classes` is without background.
        """

    def __call__(
        self, maps: Sequence[tf.Tensor], *, training: bool, train_batch_norm: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Predict.

        Args:
          maps: `[B, h, w, C]` each, finest first.
          training: whether dropout is active.
          train_batch_norm: whether batch norm uses and moves towards the batch's statistics.

        Returns:
          box encodings `[B, A, 4]` and class logits, background first, `[B, A, num_classes + 1]`, both
          float32 under any mixed precision, in the anchors' order.
        """


@dataclass(frozen=True)
class PredictorParams:
    """The OD API's convolutional_box_predictor settings.

    Attributes:
      kernel_size: of the prediction convolutions (of their depthwise part with `use_depthwise`).
      layers_before: 1x1 convolutions in front, of depth clamped between `min_depth` and `max_depth`.
      dropout_rate: on the class branch's input, while training; 0 for none.
      class_bias_init: of the class logits; the OD API ignores it with `use_depthwise`, and so does this.
      box_clip_range: (min, max) of the box encodings, or None.
    """

    hyperparams: ConvHyperparams
    kernel_size: int = 1
    use_depthwise: bool = False
    layers_before: int = 0
    min_depth: int = 0
    max_depth: int = 0
    dropout_rate: float = 0.0
    apply_sigmoid_to_scores: bool = False
    class_bias_init: float = 0.0
    box_clip_range: tuple[float, float] | None = None


class ConvolutionalBoxPredictor(keras.layers.Layer):
    """Predictions for one feature map, in TF1 scope `BoxPredictor_<index>`."""

    def __init__(
        self,
        index: int,
        params: PredictorParams,
        *,
        input_depth: int,
        anchors_per_location: int,
        num_classes: int,
    ) -> None:
        super().__init__(name=f"BoxPredictor_{index}")
        self._params = params
        self._num_classes = num_classes
        self.before: list[keras.layers.Layer] = []
        depth = max(min(input_depth, params.max_depth), params.min_depth)
        if depth > 0:
            self.before = [
                Conv(depth, 1, hyperparams=params.hyperparams, name=f"Conv2d_{layer}_1x1_{depth}")
                for layer in range(params.layers_before)
            ]
        self.box_head = self._head("BoxEncodingPredictor", anchors_per_location * 4, 0.0)
        bias = 0.0 if params.use_depthwise else params.class_bias_init
        self.class_head = self._head("ClassPredictor", anchors_per_location * (num_classes + 1), bias)

    def _head(self, scope: str, filters: int, bias_init: float) -> list[keras.layers.Layer]:
        params = self._params
        plain = replace(params.hyperparams, batch_norm=None, activation=None)
        if not params.use_depthwise:
            return [Conv(filters, params.kernel_size, hyperparams=plain, name=scope, bias_init=bias_init)]
        return [
            Conv(None, params.kernel_size, hyperparams=params.hyperparams, name=f"{scope}_depthwise"),
            Conv(filters, 1, hyperparams=plain, name=scope, bias_init=bias_init),
        ]

    def call(
        self, features: tf.Tensor, training: bool = False, train_batch_norm: bool = False
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Predict.

        Args:
          features: `[B, h, w, C]`.
          training: whether dropout is active.
          train_batch_norm: whether batch norm uses and moves towards the batch's statistics.

        Returns:
          box encodings `[B, h * w * anchors, 4]` and class logits, background first,
          `[B, h * w * anchors, num_classes + 1]`, both float32 under any mixed precision.
        """
        for layer in self.before:
            features = layer(features, training=train_batch_norm)
        boxes = features
        for layer in self.box_head:
            boxes = layer(boxes, training=train_batch_norm)
        logits = features
        if training and self._params.dropout_rate:
            # not keras.layers.Dropout: its seed is a variable, which no TF1 checkpoint has
            logits = tf.nn.dropout(features, self._params.dropout_rate)
        for layer in self.class_head:
            logits = layer(logits, training=train_batch_norm)
        boxes = flatten_predictions(boxes, 4)
        logits = flatten_predictions(logits, self._num_classes + 1)
        if self._params.box_clip_range is not None:
            boxes = tf.clip_by_value(boxes, *self._params.box_clip_range)
        if self._params.apply_sigmoid_to_scores:
            logits = tf.sigmoid(logits)
        return boxes, logits


class PerMapBoxPredictor:
    """The OD API's convolutional_box_predictor: a ConvolutionalBoxPredictor of its own for each map."""

    def __init__(self, params: PredictorParams) -> None:
        self._params = params
        self.layers: list[keras.layers.Layer] = []

    def build(self, maps: Sequence[tf.Tensor], anchors_per_location: Sequence[int], num_classes: int) -> None:
        self.layers = [
            ConvolutionalBoxPredictor(
                index,
                self._params,
                input_depth=features.shape[-1],
                anchors_per_location=count,
                num_classes=num_classes,
            )
            for index, (features, count) in enumerate(zip(maps, anchors_per_location, strict=True))
        ]
        self(maps, training=False, train_batch_norm=False)

    def __call__(
        self, maps: Sequence[tf.Tensor], *, training: bool, train_batch_norm: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        predictions = [
            predict(features, training=training, train_batch_norm=train_batch_norm)
            for predict, features in zip(self.layers, maps, strict=True)
        ]
        encodings, logits = zip(*predictions, strict=True)
        return tf.concat(encodings, axis=1), tf.concat(logits, axis=1)


def flatten_predictions(predictions: tf.Tensor, code_size: int) -> tf.Tensor:
    """`[B, h, w, anchors * code_size]` -> `[B, h * w * anchors, code_size]` float32, the anchors' order."""
    height, width, depth = predictions.shape[1:]
    flat = tf.reshape(predictions, [-1, height * width * depth // code_size, code_size])
    return tf.cast(flat, tf.float32)
