"""Layers without variables of their own, for the scopes that slim nests."""

from __future__ import annotations

import keras
import tensorflow as tf


class Pool(keras.layers.Layer):
    """A 3x3 pool, SAME; an average leaves the padding out of its count."""

    def __init__(self, name: str, *, stride: int, maximum: bool) -> None:
        super().__init__(name=name)
        self._stride = stride
        self._pool = tf.nn.max_pool2d if maximum else tf.nn.avg_pool2d

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self._pool(inputs, 3, self._stride, "SAME")


class Sequence(keras.layers.Layer):
    """Layers one after another, in a scope of their own."""

    def __init__(self, name: str, layers: list[keras.layers.Layer]) -> None:
        super().__init__(name=name)
        self.layers = layers

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        for layer in self.layers:
            inputs = layer(inputs, training=training)
        return inputs
