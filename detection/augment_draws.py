"""Random draws from a seed, integer [2], as the augmentations make them."""

from __future__ import annotations

import tensorflow as tf


def split_seed(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`count` seeds [2] that follow from `seed`, each for one draw."""
    return tf.unstack(tf.random.split(seed, count))


def uniform(seed: tf.Tensor, low: float | tf.Tensor = 0.0, high: float | tf.Tensor = 1.0) -> tf.Tensor:
    """A float32 from [low, high)."""
    return tf.random.stateless_uniform([], seed, low, high)


def integer(seed: tf.Tensor, low: int | tf.Tensor, high: int | tf.Tensor) -> tf.Tensor:
    """An int32 from [low, high), or `low` where there is nothing to choose from."""
    return tf.random.stateless_uniform([], seed, low, tf.maximum(high, low + 1), dtype=tf.int32)
