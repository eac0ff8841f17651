"""What the augmentations share: the types of a step, random draws from a seed, boxes in another frame.

Images are float32 [h, w, 3], boxes float32 [N, 4] as normalised [ymin, xmin, ymax, xmax], classes int32 [N]
and seeds integer [2], in every step of the augment modules.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Example = tuple[tf.Tensor, tf.Tensor, tf.Tensor]
Augmentation = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], Example]


def split_seed(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`count` seeds [2] that follow from `seed`, each for one draw."""
    return tf.unstack(tf.random.split(seed, count))


def uniform(seed: tf.Tensor, low: float | tf.Tensor = 0.0, high: float | tf.Tensor = 1.0) -> tf.Tensor:
    """A float32 from [low, high)."""
    return tf.random.stateless_uniform([], seed, low, high)


def integer(seed: tf.Tensor, low: int | tf.Tensor, high: int | tf.Tensor) -> tf.Tensor:
    """An int32 from [low, high), or `low` where there is nothing to choose from."""
    return tf.random.stateless_uniform([], seed, low, tf.maximum(high, low + 1), dtype=tf.int32)


def height_and_width(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns of an image, int32."""
    shape = tf.shape(image)
    return shape[0], shape[1]


def in_window(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Boxes [N, 4] in the frame of window [4]; parts outside it lie outside [0, 1]."""
    return (boxes - tf.tile(window[:2], [2])) / tf.tile(window[2:] - window[:2], [2])


def only_visible(boxes: tf.Tensor, classes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Drops the boxes that lie wholly outside [0, 1] and clips the others to it."""
    visible = tf.reduce_all((boxes[:, :2] < 1.0) & (boxes[:, 2:] > 0.0), axis=1)
    boxes = tf.clip_by_value(tf.boolean_mask(boxes, visible), 0.0, 1.0)
    return boxes, tf.boolean_mask(classes, visible)


def image_of_any_size(image: tf.Tensor) -> tf.Tensor:
    """The image with a static shape that says three channels and nothing about its size."""
    return tf.ensure_shape(image, [None, None, 3])
