"""Picks which examples of each image count in a loss: a random part, with a limited share of positives."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


@dataclass(frozen=True)
class BalancedSampler:
    """The OD API's BalancedPositiveNegativeSampler, for a whole batch, and repeatable by its seed.

    Up to `int(size * positive_fraction)` positives; negatives fill the rest, as far as there are any.
    """

    size: int
    positive_fraction: float

    def sample(self, candidates: tf.Tensor, positive: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        """Which of `[B, N]` bool candidates are taken, `[B, N]` bool; a row's draw follows from its seed.

        `seeds` `[B, 2]` int64, so that an image is sampled alike whatever the other images of its batch.
        """
        count = tf.shape(candidates)[1:]
        draws = tf.map_fn(
            lambda seed: tf.random.stateless_uniform(count, seed), seeds, fn_output_signature=tf.float32
        )
        most_positives = int(self.size * self.positive_fraction)
        positives = _first(draws, candidates & positive, tf.constant(most_positives))
        num_positives = tf.reduce_sum(tf.cast(positives, tf.int32), axis=1, keepdims=True)
        negatives = _first(draws, candidates & ~positive, self.size - num_positives)
        return positives | negatives


def _first(draws: tf.Tensor, among: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """The `count` of each row's true elements with the lowest draws."""
    order = tf.argsort(tf.where(among, draws, 2.0), axis=1)
    rank = tf.argsort(order, axis=1)
    return among & (rank < count)


def image_seeds(images: tf.Tensor, draw: tf.Tensor | int) -> tf.Tensor:
    """Seeds `[B, 2]` int64 that follow from the pixels of `[B, H, W, 3]` float32 and the draw's number.

    So a resumed training draws the same, and so do the parts of a batch: unlike floats, the integers that
    the pixels are stored as have the same sum in any order.
    """
    stored = tf.cast(tf.bitcast(images, tf.int32), tf.int64)
    pixels = tf.reduce_sum(stored, axis=[1, 2, 3])
    return tf.stack([pixels, tf.fill(tf.shape(pixels), tf.cast(draw, tf.int64))], axis=1)
