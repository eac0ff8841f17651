"""Augmentations of boxes and classes alone, and those that turn or repeat the whole example."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from detection.augment_draws import split_seed, uniform
from detection.augment_example import Example

_LEAST_SIDE = 1e-6


def random_jitter_boxes(
    example: Example,
    seed: tf.Tensor,
    *,
    ratio: float = 0.05,
    jitter_mode: str = "default",
) -> Example:
    """Moves the sides of every box by up to `ratio` of half its height and width, within the image.

    Args:
      example, seed: as in every step.
      ratio: the most that a side moves.
      jitter_mode: "default" moves each side either way, "expand" outwards, "shrink" inwards;
        "expand_symmetric" and "shrink_symmetric" move opposite sides alike, and with "_xy" all four.

    Returns:
      The example with these boxes; its masks are not moved.
    """
    boxes = example.boxes
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
    return example._replace(boxes=tf.clip_by_value(moved, 0.0, 1.0))


def drop_label_probabilistically(
    example: Example,
    seed: tf.Tensor,
    *,
    label: int,
    drop_probability: float = 1.0,
) -> Example:
    """Drops each object of class `label` with `drop_probability`."""
    classes = example.classes
    kept = (tf.random.stateless_uniform(tf.shape(classes), seed) > drop_probability) | (classes != label)
    return example.keep(kept)


def remap_labels(
    example: Example,
    _seed: tf.Tensor,
    *,
    original_labels: Sequence[int],
    new_label: int,
) -> Example:
    """Gives every object of a class in `original_labels` the class `new_label`."""
    classes = example.classes
    originals = tf.constant(original_labels, classes.dtype, shape=[len(original_labels)])
    remapped = tf.reduce_any(classes[:, tf.newaxis] == originals, axis=1)
    return example._replace(classes=tf.where(remapped, tf.cast(new_label, classes.dtype), classes))


def random_rotation90(example: Example, seed: tf.Tensor, *, probability: float = 0.5) -> Example:
    """Turns everything by 90 degrees counter-clockwise with `probability`."""

    def turned() -> Example:
        ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=-1)
        boxes = tf.stack([1.0 - xmax, ymin, 1.0 - xmin, ymax], axis=-1)
        return example._replace(boxes=boxes).move(tf.image.rot90)

    return tf.cond(uniform(seed) < probability, turned, lambda: example)


def random_self_concat_image(
    example: Example,
    seed: tf.Tensor,
    *,
    concat_vertical_probability: float = 0.1,
    concat_horizontal_probability: float = 0.1,
) -> Example:
    """Puts the example below itself, then beside itself, each with its probability: up to 4 N objects."""
    probabilities = (concat_vertical_probability, concat_horizontal_probability)
    for axis, (draw, probability) in enumerate(zip(split_seed(seed, 2), probabilities, strict=True)):
        example = tf.cond(
            uniform(draw) < probability,
            lambda axis=axis, example=example: _twice(example, axis=axis),
            lambda example=example: example,
        )
    return example


def _twice(example: Example, *, axis: int) -> Example:
    """The example twice along `axis` of the image.

    The OD API leaves masks as they were, which fit neither the image nor the boxes then: each object has its
    mask here.
    """
    half = tf.constant([[0.5, 1.0, 0.5, 1.0], [1.0, 0.5, 1.0, 0.5]][axis])
    first = example.boxes * half
    boxes = tf.concat([first, first + (1.0 - half)], axis=0)
    masks = example.masks
    if masks is not None:
        nothing = tf.zeros_like(masks)
        masks = tf.concat(
            [tf.concat(pair, axis=axis + 1) for pair in ((masks, nothing), (nothing, masks))], axis=0
        )
    image = tf.concat([example.image, example.image], axis=axis)
    return Example(tf.ensure_shape(image, [None, None, 3]), boxes, tf.tile(example.classes, [2]), masks)
