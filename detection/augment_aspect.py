"""Augmentations that end with an image of a given aspect ratio, width by height."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from detection.augment_draws import integer, split_seed, uniform
from detection.augment_example import Example, in_window
from detection.augment_geometry import (
    DEFAULT_SSD_CROPS,
    CropOperation,
    boxes_in_crop,
    ssd_random_crop,
)

Ratios = tuple[float, float]


def random_crop_to_aspect_ratio(
    example: Example,
    seed: tf.Tensor,
    *,
    aspect_ratio: float = 1.0,
    overlap_thresh: float = 0.3,
    clip_boxes: bool = True,
) -> Example:
    """Cuts rows or columns off until the aspect ratio is right, the window anywhere along the longer side.

    A box stays when at least `overlap_thresh` of its area, and some of it, lies inside.
    """
    row_seed, column_seed = split_seed(seed, 2)
    height, width = tf.unstack(example.size)
    rows, columns = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    wide = columns / rows > aspect_ratio
    new_height = tf.where(wide, height, tf.cast(tf.round(columns / aspect_ratio), tf.int32))
    new_width = tf.where(wide, tf.cast(tf.round(rows * aspect_ratio), tf.int32), width)
    # rounding must not ask for more than there is
    new_height, new_width = tf.minimum(new_height, height), tf.minimum(new_width, width)
    top = integer(row_seed, 0, height - new_height + 1)
    left = integer(column_seed, 0, width - new_width + 1)
    window = tf.cast(tf.stack([top, left, top + new_height, left + new_width]), tf.float32)
    window /= tf.stack([rows, columns, rows, columns])
    boxes, kept = boxes_in_crop(example.boxes, window, overlap_thresh, clip_boxes)
    begin, size = tf.stack([top, left]), tf.stack([new_height, new_width])
    return example._replace(boxes=boxes).keep(kept).crop(begin, size)


def random_pad_to_aspect_ratio(
    example: Example,
    seed: tf.Tensor,
    *,
    aspect_ratio: float = 1.0,
    min_size_ratio: Ratios = (1.0, 1.0),
    max_size_ratio: Ratios = (2.0, 2.0),
) -> Example:
    """Adds black at the bottom and on the right until the aspect ratio is right.

    The canvas is a random multiple of the least one, from min_size_ratio to max_size_ratio of the image's
    height and width.
    """
    size = tf.cast(tf.shape(example.image)[:2], tf.float32)
    least = tf.maximum(size, size[::-1] * [1.0 / aspect_ratio, aspect_ratio])
    lowest = tf.reduce_max(tf.maximum(size * min_size_ratio, least) / least)
    highest = tf.reduce_min(tf.maximum(size * max_size_ratio, least) / least)
    scale = uniform(seed, tf.minimum(lowest, highest), highest)
    canvas = tf.round(scale * least)
    room = tf.cast(canvas - size, tf.int32)
    window = tf.concat([[0.0, 0.0], canvas / size], axis=0)
    example = example._replace(boxes=in_window(example.boxes, window))
    return example.pad(tf.stack([[0, room[0]], [0, room[1]]]))


def ssd_random_crop_fixed_aspect_ratio(
    example: Example,
    seed: tf.Tensor,
    *,
    operations: Sequence[CropOperation],
    aspect_ratio: float,
) -> Example:
    """One of the SSD crops, then a crop to the aspect ratio that the first one missed by rounding."""
    crop_seed, aspect_seed = split_seed(seed, 2)
    example = ssd_random_crop(example, crop_seed, operations=operations)
    return random_crop_to_aspect_ratio(example, aspect_seed, aspect_ratio=aspect_ratio)


def ssd_random_crop_pad_fixed_aspect_ratio(
    example: Example,
    seed: tf.Tensor,
    *,
    operations: Sequence[CropOperation] = DEFAULT_SSD_CROPS,
    aspect_ratio: float = 1.0,
    min_size_ratio: Ratios = (1.0, 1.0),
    max_size_ratio: Ratios = (2.0, 2.0),
) -> Example:
    """One of the SSD crops, then padding to the aspect ratio."""
    crop_seed, pad_seed = split_seed(seed, 2)
    example = ssd_random_crop(example, crop_seed, operations=operations)
    return random_pad_to_aspect_ratio(
        example,
        pad_seed,
        aspect_ratio=aspect_ratio,
        min_size_ratio=min_size_ratio,
        max_size_ratio=max_size_ratio,
    )
