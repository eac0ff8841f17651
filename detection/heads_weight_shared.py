"""The box predictor of RetinaNet-like detectors: one pair of towers that all feature maps share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from detection.errors import BadInput
from detection.heads import flatten_predictions
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv
from detection.separable_conv import SeparableConv


@dataclass(frozen=True)
class WeightSharedParams:
    """The OD API's weight_shared_convolutional_box_predictor settings.

    Attributes:
      hyperparams: of the towers; their activation is ReLU6 whatever it says, as in the OD API.
      depth, num_layers: of each tower.
      share_tower: one tower for boxes and classes.
      dropout_rate: on the class tower's output, while training; 0 for none.
      sigmoid_scores: the score converter: class predictions are scores outside training.
      box_clip_range: (min, max) of the box encodings, or None.
    """

    hyperparams: ConvHyperparams
    depth: int
    num_layers: int
    kernel_size: int = 3
    use_depthwise: bool = False
    share_tower: bool = False
    dropout_rate: float = 0.0
    class_bias_init: float = 0.0
    sigmoid_scores: bool = False
    box_clip_range: tuple[float, float] | None = None

    def conv(
        self,
        filters: int,
        name: str,
        hyperparams: ConvHyperparams,
        bias_init: float = 0.0,
        levels: int | None = None,
    ) -> Conv:
        """A convolution of these settings' kind."""
        kind = SeparableConv if self.use_depthwise else Conv
        return kind(
            filters,
            self.kernel_size,
            hyperparams=hyperparams,
            name=name,
            bias_init=bias_init,
            levels=levels,
        )


class _Tower(keras.layers.Layer):
    """Convolutions `conv2d_<i>` in a row, with a batch norm for each feature map."""

    def __init__(self, name: str, params: WeightSharedParams, levels: int) -> None:
        super().__init__(name=name)
        hyperparams = replace(params.hyperparams, activation=tf.nn.relu6)
        self.convs = [
            params.conv(params.depth, f"conv2d_{index}", hyperparams, levels=levels)
            for index in range(params.num_layers)
        ]

    def call(self, features: tf.Tensor, level: int, training: bool = False) -> tf.Tensor:
        for conv in self.convs:
            features = conv(features, training=training, level=level)
        return features


class _Projections(keras.layers.Layer):
    """A 1x1 convolution for each feature map, which brings them all to the same number of channels."""

    def __init__(self, depth: int, hyperparams: ConvHyperparams, levels: int) -> None:
        super().__init__(name="ProjectionLayer")
        plain = replace(hyperparams, activation=None)
        self.convs = [Conv(depth, 1, hyperparams=plain, name=f"conv2d_{level}") for level in range(levels)]

    def call(self, maps: Sequence[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        return [conv(features, training=training) for conv, features in zip(self.convs, maps, strict=True)]


class _SharedHead(keras.layers.Layer):
    """All variables of the predictor, in TF1 scope `WeightSharedConvolutionalBoxPredictor`."""

    def __init__(
        self,
        params: WeightSharedParams,
        *,
        channels: Sequence[int],
        anchors_per_location: int,
        num_classes: int,
    ) -> None:
        super().__init__(name="WeightSharedConvolutionalBoxPredictor")
        self._params = params
        self._num_classes = num_classes
        levels = len(channels)
        self.projections = None
        if len(set(channels)) > 1:
            # the most frequent number of channels, the first of equals
            self.projections = _Projections(
                Counter(channels).most_common(1)[0][0], params.hyperparams, levels
            )
        self.class_tower = None
        if params.share_tower:
            self.box_tower = _Tower("PredictionTower", params, levels)
        else:
            self.box_tower = _Tower("BoxPredictionTower", params, levels)
            self.class_tower = _Tower("ClassPredictionTower", params, levels)
        plain = replace(params.hyperparams, batch_norm=None, activation=None)
        self.box_head = params.conv(4 * anchors_per_location, "BoxPredictor", plain)
        self.class_head = params.conv(
            (num_classes + 1) * anchors_per_location, "ClassPredictor", plain, params.class_bias_init
        )

    def call(
        self, maps: Sequence[tf.Tensor], training: bool = False, train_batch_norm: bool = False
    ) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        if self.projections is not None:
            maps = self.projections(maps, training=train_batch_norm)
        predictions = [
            self._predict(features, level, training, train_batch_norm) for level, features in enumerate(maps)
        ]
        encodings, logits = zip(*predictions, strict=True)
        return list(encodings), list(logits)

    def _predict(
        self, features: tf.Tensor, level: int, training: bool, train_batch_norm: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        for_boxes = for_classes = self.box_tower(features, level=level, training=train_batch_norm)
        if self.class_tower is not None:
            for_classes = self.class_tower(features, level=level, training=train_batch_norm)
        if training and self._params.dropout_rate:
            for_classes = tf.nn.dropout(for_classes, self._params.dropout_rate)
        boxes = flatten_predictions(self.box_head(for_boxes), 4)
        logits = flatten_predictions(self.class_head(for_classes), self._num_classes + 1)
        if self._params.box_clip_range is not None:
            boxes = tf.clip_by_value(boxes, *self._params.box_clip_range)
        if self._params.sigmoid_scores and not training:
            logits = tf.sigmoid(logits)
        return boxes, logits


class WeightSharedBoxPredictor:
    """The BoxPredictor whose convolutions all feature maps share, and whose batch norms they don't."""

    def __init__(self, params: WeightSharedParams) -> None:
        self._params = params
        self.layers: list[keras.layers.Layer] = []

    def build(self, maps: Sequence[tf.Tensor], anchors_per_location: Sequence[int], num_classes: int) -> None:
        """As BoxPredictor's; BadInput if the feature maps don't have the same number of anchors each."""
        if len(set(anchors_per_location)) != 1:
            raise BadInput(
                f"the feature maps have {', '.join(map(str, anchors_per_location))} anchors in a cell",
                "model.ssd.anchor_generator",
                "a weight-shared predictor needs the same number everywhere:"
                " set reduce_boxes_in_lowest_layer: false",
            )
        head = _SharedHead(
            self._params,
            channels=[features.shape[-1] for features in maps],
            anchors_per_location=anchors_per_location[0],
            num_classes=num_classes,
        )
        self.layers = [head]
        head(maps)

    def __call__(
        self, maps: Sequence[tf.Tensor], *, training: bool, train_batch_norm: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        encodings, logits = self.layers[0](maps, training=training, train_batch_norm=train_batch_norm)
        return tf.concat(encodings, axis=1), tf.concat(logits, axis=1)
