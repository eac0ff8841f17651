"""Faster R-CNN's first stage: objectness and boxes for every anchor, and the proposals made of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import keras
import tensorflow as tf

from detection.box_coder import FasterRcnnBoxCoder
from detection.hyperparams import ConvHyperparams
from detection.layers import Conv
from detection.nms import MulticlassNms


@dataclass(frozen=True)
class RpnParams:
    """Settings of the region proposal network's convolutions.

    Attributes:
      kernel_size, depth, dilation: of the convolution before the predictors. Its activation is ReLU6,
        whatever the config says.
    """

    hyperparams: ConvHyperparams
    kernel_size: int = 3
    depth: int = 512
    dilation: int = 1


class Proposals(NamedTuple):
    """Boxes for the second stage to look at.

    Attributes:
      boxes: `[B, P, 4]` float32, relative to the network's input, by falling objectness, zeros after them.
      count: `[B]` int32, how many are real.
    """

    boxes: tf.Tensor
    count: tf.Tensor


def rpn_conv(params: RpnParams) -> Conv:
    """The convolution between features and predictors, in TF1 scope `Conv`."""
    hyperparams = replace(params.hyperparams, activation=tf.nn.relu6)
    return Conv(
        params.depth, params.kernel_size, dilation=params.dilation, hyperparams=hyperparams, name="Conv"
    )


class FirstStageBoxPredictor(keras.layers.Layer):
    """Box encodings and objectness logits of every anchor, in TF1 scope `FirstStageBoxPredictor`."""

    def __init__(self, hyperparams: ConvHyperparams, anchors_per_location: int) -> None:
        super().__init__(name="FirstStageBoxPredictor")
        plain = replace(hyperparams, batch_norm=None, activation=None)
        self.box_head = Conv(anchors_per_location * 4, 1, hyperparams=plain, name="BoxEncodingPredictor")
        self.class_head = Conv(anchors_per_location * 2, 1, hyperparams=plain, name="ClassPredictor")

    def call(self, features: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`[B, h, w, D]` -> encodings `[B, A, 4]`, logits `[B, A, 2]` (background first), float32."""
        batch_size = tf.shape(features)[0]
        encodings = tf.reshape(self.box_head(features), [batch_size, -1, 4])
        logits = tf.reshape(self.class_head(features), [batch_size, -1, 2])
        return tf.cast(encodings, tf.float32), tf.cast(logits, tf.float32)


def inside(anchors: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Which of `[A, 4]` anchors lie wholly in `window` `[4]`: `[A]` bool. TF1 trains on those alone."""
    return tf.reduce_all(
        tf.concat([anchors[:, :2] >= window[:2], anchors[:, 2:] <= window[2:]], axis=-1), axis=-1
    )


def normalized(boxes: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    """`[..., 4]` boxes in pixels, relative to an image `height` x `width`.

    By the reciprocal, as in TF1: a box that touches the border can end a rounding beyond 1, where
    crop_and_resize finds no feature.
    """
    y, x = 1.0 / height, 1.0 / width
    return boxes * tf.stack([y, x, y, x])


@dataclass(frozen=True)
class ProposalSelector:
    """Decodes the anchors' predictions and keeps the best boxes (FasterRCNNMetaArch._postprocess_rpn)."""

    box_coder: FasterRcnnBoxCoder
    nms: MulticlassNms

    def __call__(
        self, anchors: tf.Tensor, encodings: tf.Tensor, logits: tf.Tensor, window: tf.Tensor
    ) -> Proposals:
        """Proposals from `[A, 4]` anchors in pixels, `[B, A, 4]`, `[B, A, 2]`; `window`: the image, `[4]`."""
        boxes = self.box_coder.decode(encodings, anchors)
        objectness = tf.nn.softmax(logits)[..., 1:]
        kept = self.nms(boxes, objectness, window)
        count = tf.reduce_sum(tf.cast(kept.valid, tf.int32), axis=1)
        return Proposals(normalized(kept.boxes, window[2], window[3]), count)
