"""Augmentations of boxes and classes alone, and those that turn or repeat the whole example."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from detection.augment_draws import Example, image_of_any_size, split_seed, uniform

_LEAST_SIDE = 1e-6


def random_jitter_boxes(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    seed: tf.Tensor,
    *,
    ratio: float = 0.05,
    jitter_mode: str = "default",
) -> Example:
    """Moves the sides of every box by up to `ratio` of half its height and width, within the image.

    Args:
      image, boxes, classes, seed: as in every step.
      ratio: the most that a side moves.
      jitter_mode: "default" moves each side either way, "expand" outwards, "shrink" inwards;
        "expand_symmetric" and "shrink_symmetric" move opposite sides alike, and with "_xy" all four.

    Returns:
      The image, boxes [N, 4], the classes.
    """
    way = jitter_mode.split("_")[0]
    low, high = (-ratio if way != "expand" else 0.0), (ratio if way != "shrink" else 0.0)
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2.0
    size = tf.maximum(tf.abs(boxes[:, 2:] - boxes[:, :2]), _LEAST_SIDE)
    count = tf.shape(boxes)[0]
    if "symmetric" in jitter_mode:
        factor = 1.0 + tf.random.stateless_uniform([count, 2], seed, low, high)
        most = tf.abs(tf.minimum(2.0 * centre / size, 2.0 * (1.0 - centre) / size))
        if jitter_mode.endswith("_xy"):
            factor = tf.tile(factor[:, :1], [1, 2])
            most = tf.tile(tf.reduce_min(most, axis=1, keepdims=True), [1, 2])
        half = size * tf.clip_by_value(factor, -most, most) / 2.0
        moved = tf.concat([centre - half, centre + half], axis=1)
    else:
        half = tf.tile(size, [1, 2]) * (1.0 + tf.random.stateless_uniform([count, 4], seed, low, high)) / 2.0
        moved = tf.concat([centre - half[:, :2], centre + half[:, 2:]], axis=1)
    return image, tf.clip_by_value(moved, 0.0, 1.0), classes


def drop_label_probabilistically(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    seed: tf.Tensor,
    *,
    label: int,
    drop_probability: float = 1.0,
) -> Example:
    """Drops each box of class `label` with `drop_probability`."""
    kept = (tf.random.stateless_uniform(tf.shape(classes), seed) > drop_probability) | (classes != label)
    return image, tf.boolean_mask(boxes, kept), tf.boolean_mask(classes, kept)


def remap_labels(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    _seed: tf.Tensor,
    *,
    original_labels: Sequence[int],
    new_label: int,
) -> Example:
    """Gives every box of a class in `original_labels` the class `new_label`."""
    originals = tf.constant(original_labels, classes.dtype, shape=[len(original_labels)])
    remapped = tf.reduce_any(classes[:, tf.newaxis] == originals, axis=1)
    return image, boxes, tf.where(remapped, tf.cast(new_label, classes.dtype), classes)


def random_rotation90(
    image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, *, probability: float = 0.5
) -> Example:
    """Turns image and boxes by 90 degrees counter-clockwise with `probability`."""

    def turned() -> tuple[tf.Tensor, tf.Tensor]:
        ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
        around = tf.stack([1.0 - xmax, ymin, 1.0 - xmin, ymax], axis=-1)
        return image_of_any_size(tf.image.rot90(image)), around

    image, boxes = tf.cond(uniform(seed) < probability, turned, lambda: (image, boxes))
    return image, boxes, classes


def random_self_concat_image(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    seed: tf.Tensor,
    *,
    concat_vertical_probability: float = 0.1,
    concat_horizontal_probability: float = 0.1,
) -> Example:
    """Puts the example below itself, then beside itself, each with its probability: up to 4 N boxes."""
    probabilities = (concat_vertical_probability, concat_horizontal_probability)
    for axis, (draw, probability) in enumerate(zip(split_seed(seed, 2), probabilities, strict=True)):
        image, boxes, classes = tf.cond(
            uniform(draw) < probability,
            lambda axis=axis, example=(image, boxes, classes): _twice(*example, axis=axis),
            lambda example=(image, boxes, classes): example,
        )
    return image, boxes, classes


def _twice(image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, *, axis: int) -> Example:
    """The example twice along `axis` of the image."""
    half = tf.constant([[0.5, 1.0, 0.5, 1.0], [1.0, 0.5, 1.0, 0.5]][axis])
    first = boxes * half
    boxes = tf.concat([first, first + (1.0 - half)], axis=0)
    return image_of_any_size(tf.concat([image, image], axis=axis)), boxes, tf.tile(classes, [2])
