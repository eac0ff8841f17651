"""What a detector says at the same places of an image as another, and how far it is from that."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from detection.losses import smooth_l1

_PLACES = 256  # compared in an image: those where the teacher is surest


class Responses(NamedTuple):
    """What a model says at N places of each image, anchors or proposals.

    Attributes:
      logits: `[B, N, K]` float32, of K classes that both models know; before them the background's if the
        scores are a softmax.
      boxes: `[B, N, C, 4]` float32 encodings; C is K, or 1 for a box that the classes share.
    """

    logits: tf.Tensor
    boxes: tf.Tensor


def distance(
    teacher: Responses, student: Responses, *, softmax: bool, real: tf.Tensor | None = None
) -> tf.Tensor:
    """How far the student's responses are from the teacher's, `[B]` float32; 0 where they are the same.

    The Kullback-Leibler divergence of the scores plus TF1's smooth L1 of the encoded boxes, at the places of
    an image where the teacher is surest of a class. A place counts as much as the teacher is sure of it, and
    the sum is divided by the image's sum of that, at least 1: where it sees nothing there is little to keep.

    Args:
      teacher, student: responses at the same places.
      softmax: whether a place's scores are a softmax over its logits, not a sigmoid of each.
      real: `[B, N]` bool, false for places that are padding.
    """
    scores = tf.nn.softmax(teacher.logits)[..., 1:] if softmax else tf.sigmoid(teacher.logits)
    confidence = tf.reduce_max(scores, axis=-1)
    if real is not None:
        confidence = tf.where(real, confidence, 0.0)
    places = confidence.shape[1]  # unknown for anchors of images that keep their own size
    count = tf.minimum(_PLACES, tf.shape(confidence)[1]) if places is None else min(_PLACES, places)
    confidence, surest = tf.math.top_k(confidence, count)
    best = tf.gather(tf.argmax(scores, axis=-1), surest, batch_dims=1)
    wanted, found = (tf.gather(each.logits, surest, batch_dims=1) for each in (teacher, student))
    if softmax:
        likelihood = tf.nn.log_softmax(wanted)
        divergence = tf.exp(likelihood) * (likelihood - tf.nn.log_softmax(found))
    else:
        # what the cross entropy has above its minimum, the teacher's own entropy
        targets = tf.sigmoid(wanted)
        entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=wanted)
        divergence = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=found) - entropy
    wanted_boxes, found_boxes = (_boxes_of(each.boxes, surest, best) for each in (teacher, student))
    losses = confidence * tf.reduce_sum(divergence, axis=-1)
    losses += smooth_l1(found_boxes, wanted_boxes, confidence)
    return tf.reduce_sum(losses, axis=1) / tf.maximum(tf.reduce_sum(confidence, axis=1), 1.0)


def _boxes_of(boxes: tf.Tensor, places: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """`[B, N, C, 4]` boxes at `[B, M]` places, of `[B, M]` classes where they have boxes of their own."""
    boxes = tf.gather(boxes, places, batch_dims=1)
    if boxes.shape[2] == 1:
        return boxes[:, :, 0]
    return tf.gather(boxes, classes, batch_dims=2)
