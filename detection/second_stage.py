"""Faster R-CNN's second stage: features of each proposal, its class and its refined box."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from detection import boxes as box_ops
from detection.box_coder import FasterRcnnBoxCoder
from detection.detector import Tensors
from detection.hyperparams import ConvHyperparams
from detection.nms import MulticlassNms
from detection.postprocess import LABEL_ID_OFFSET, SCORE_CONVERTERS
from detection.rpn import normalized


class FullyConnected(keras.layers.Layer):
    """slim's fully_connected without activation: `[N, inputs]` -> `[N, units]`."""

    def __init__(self, units: int, *, hyperparams: ConvHyperparams, name: str) -> None:
        super().__init__(name=name)
        self._units = units
        self._hyperparams = hyperparams

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self.kernel: Any = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self._units),
            initializer=self._hyperparams.make_initializer(),
            autocast=False,
        )
        self.bias: Any = self.add_weight(
            name="bias", shape=(self._units,), initializer="zeros", autocast=False
        )

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """Matrix product and bias, float32 under any mixed precision."""
        return tf.matmul(tf.cast(inputs, tf.float32), self.kernel.value) + self.bias.value

    def penalty(self) -> tf.Tensor:
        """Regularisation loss of the kernel, a float32 scalar (slim regularises no bias)."""
        return self._hyperparams.penalty(self.kernel.value)


@dataclass(frozen=True)
class SecondStageParams:
    """Settings of the second stage.

    Attributes:
      crop_size: side of the square grid each proposal is sampled on.
      pool_size, pool_stride: of the max pool over that grid.
      dropout_rate: on each head's input, while training; 0 for none.
      share_box_across_classes: one refined box a proposal, not one for each class.
      fades_at_border: samples just outside the feature map fall off to zero over one cell (the OD API's
        use_matmul_crop_and_resize), instead of being zero.
    """

    hyperparams: ConvHyperparams
    crop_size: int
    pool_size: int
    pool_stride: int
    dropout_rate: float = 0.0
    share_box_across_classes: bool = False
    fades_at_border: bool = False


class SecondStageBoxPredictor(keras.layers.Layer):
    """Refined boxes and class logits (mask_rcnn_box_predictor), in TF1 scope `SecondStageBoxPredictor`."""

    def __init__(self, params: SecondStageParams, num_classes: int) -> None:
        super().__init__(name="SecondStageBoxPredictor")
        self._dropout_rate = params.dropout_rate
        plain = replace(params.hyperparams, batch_norm=None, activation=None)
        self._num_boxes = 1 if params.share_box_across_classes else num_classes
        self.box_head = FullyConnected(self._num_boxes * 4, hyperparams=plain, name="BoxEncodingPredictor")
        self.class_head = FullyConnected(num_classes + 1, hyperparams=plain, name="ClassPredictor")

    def call(self, features: tf.Tensor, training: bool = False) -> tuple[tf.Tensor, tf.Tensor]:
        """`[N, h, w, D]` -> encodings `[N, C, 4]` (C 1 for a shared box), logits `[N, num_classes + 1]`."""
        pooled = tf.reduce_mean(features, axis=[1, 2])
        encodings = self.box_head(self._dropped(pooled, training))
        logits = self.class_head(self._dropped(pooled, training))
        return tf.reshape(encodings, [-1, self._num_boxes, 4]), logits

    def _dropped(self, features: tf.Tensor, training: bool) -> tf.Tensor:
        if training and self._dropout_rate:
            return tf.nn.dropout(features, self._dropout_rate)
        return features


def crop_features(features: tf.Tensor, proposals: tf.Tensor, params: SecondStageParams) -> tf.Tensor:
    """`[B, h, w, D]` at `[B, P, 4]` normalised boxes -> `[B * P, s, s, D]`, bilinear then max-pooled."""
    batch_size, num_proposals = tf.shape(proposals)[0], tf.shape(proposals)[1]
    grid = tf.cast(features, tf.float32)  # crop_and_resize knows no bfloat16
    if params.fades_at_border:
        grid, proposals = _with_zeros_around(grid, proposals)
    crops = tf.image.crop_and_resize(
        grid,
        tf.reshape(proposals, [-1, 4]),
        tf.repeat(tf.range(batch_size), num_proposals),
        [params.crop_size, params.crop_size],
    )
    crops.set_shape([None, params.crop_size, params.crop_size, features.shape[-1]])
    return tf.nn.max_pool2d(tf.cast(crops, features.dtype), params.pool_size, params.pool_stride, "VALID")


def _with_zeros_around(features: tf.Tensor, boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`[B, h, w, D]` with a border of one cell, and `[B, P, 4]` boxes normalised anew."""
    last = tf.cast(tf.tile(tf.shape(features)[1:3] - 1, [2]), tf.float32)
    return tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]]), (boxes * last + 1.0) / (last + 2.0)


@dataclass(frozen=True)
class SecondStagePostprocessor:
    """FasterRCNNMetaArch._postprocess_box_classifier with the exporter's label offset."""

    box_coder: FasterRcnnBoxCoder
    nms: MulticlassNms
    score_converter: str = "SOFTMAX"
    logit_scale: float = 1.0

    def __call__(self, predictions: Tensors) -> Tensors:
        """Detections of a batch, from what FasterRCNN.call returns.

        Returns:
          What Postprocessor gives for SSD, with P proposals in place of the anchors; raw_detection_boxes
          `[B, P, 4]` are those of each proposal's best class, clipped to the image.
        """
        proposals = predictions["proposal_boxes"]
        height, width = (tf.cast(side, tf.float32) for side in tf.unstack(predictions["image_size"]))
        batch_size, num_proposals = tf.shape(proposals)[0], proposals.shape[1]
        encodings, logits = (
            predictions["refined_box_encodings"],
            predictions["class_predictions_with_background"],
        )
        encodings = tf.reshape(encodings, [batch_size, num_proposals, encodings.shape[1], 4])
        logits = tf.reshape(logits, [batch_size, num_proposals, logits.shape[-1]])
        boxes = self.box_coder.decode(encodings, proposals[:, :, tf.newaxis])
        shared = boxes.shape[2] == 1
        scores = SCORE_CONVERTERS[self.score_converter](logits * (1.0 / self.logit_scale))
        real = tf.sequence_mask(predictions["num_proposals"], num_proposals)[..., tf.newaxis]
        window = tf.stack([0.0, 0.0, height, width])
        kept = self.nms(boxes[:, :, 0] if shared else boxes, tf.where(real, scores[..., 1:], -1.0), window)
        multiclass = tf.gather(scores, kept.anchor_indices, batch_dims=1)
        best = tf.argmax(logits[..., 1:], axis=-1)[..., tf.newaxis]
        raw_boxes = boxes[:, :, 0] if shared else tf.gather(boxes, best, batch_dims=2)[:, :, 0]
        return {
            "detection_boxes": normalized(kept.boxes, height, width),
            "detection_scores": kept.scores,
            "detection_classes": kept.classes + LABEL_ID_OFFSET,
            "detection_multiclass_scores": tf.where(kept.valid[..., tf.newaxis], multiclass, 0.0),
            "num_detections": tf.reduce_sum(tf.cast(kept.valid, tf.float32), axis=1),
            "raw_detection_boxes": box_ops.clip_to_window(
                normalized(raw_boxes, height, width), tf.constant([0.0, 0.0, 1.0, 1.0])
            ),
            "raw_detection_scores": scores,
        }
