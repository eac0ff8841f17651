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

    def sample(self, candidates: tf.Tensor, positive: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Which of `[B, N]` bool candidates are taken, `[B, N]` bool; the draw follows from `seed` `[2]`."""
        draws = tf.random.stateless_uniform(tf.shape(candidates), seed)
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


def content_seed(values: tf.Tensor) -> tf.Tensor:
    """A seed `[2]` int32 that follows from a float32 tensor's values: a resumed training draws the same."""
    bits = tf.bitcast(tf.reduce_sum(values), tf.int32)
    return tf.stack([bits, tf.size(values)])
