"""Augmentations that end with a square image: CenterNet's crop and EfficientDet's scale jitter."""

from __future__ import annotations

import tensorflow as tf

from detection.augment_draws import integer, split_seed, uniform
from detection.augment_example import Example, height_and_width, in_window, only_visible


def random_square_crop_by_scale(
    example: Example,
    seed: tf.Tensor,
    *,
    max_border: int = 128,
    scale_min: float = 0.6,
    scale_max: float = 1.3,
    num_scales: int = 8,
) -> Example:
    """Cuts out a square: the longer side by one of `num_scales` scales, black where it sticks out.

    Its centre lies no closer to the border than `max_border` pixels, or than the half, quarter, ... of it
    that leaves room in a small image. Boxes are clipped; one wholly outside is dropped.
    """
    scale_seed, row_seed, column_seed = split_seed(seed, 3)
    height, width = height_and_width(example.image)
    scale = tf.linspace(scale_min, scale_max, num_scales)[integer(scale_seed, 0, num_scales)]
    side = tf.cast(scale * tf.cast(tf.maximum(height, width), tf.float32), tf.int32)
    starts, ends, margins = [], [], []
    for length, draw in ((height, row_seed), (width, column_seed)):
        border = _border(max_border, length)
        start = integer(draw, border, length - border + 1) - side // 2
        # the OD API never takes the last row and column
        starts.append(start)
        ends.append(tf.minimum(start + 2 * (side // 2), length - 1))
        margins.append(tf.maximum(-start, 0))
    begin = tf.maximum(tf.stack(starts), 0)
    inside = example.crop(begin, tf.maximum(tf.stack(ends) - begin, 0))
    rows, columns = height_and_width(inside.image)
    square = inside.pad(
        tf.stack([[margins[0], side - margins[0] - rows], [margins[1], side - margins[1] - columns]])
    )
    window = tf.cast(tf.stack([*starts, starts[0] + side, starts[1] + side]), tf.float32)
    window /= tf.cast(tf.stack([height, width, height, width]), tf.float32)
    return only_visible(square._replace(boxes=in_window(example.boxes, window)))


def random_scale_crop_and_pad_to_square(
    example: Example,
    seed: tf.Tensor,
    *,
    scale_min: float = 0.1,
    scale_max: float = 2.0,
    output_size: int = 512,
) -> Example:
    """Scales the longer side to a random multiple of `output_size`, then crops or pads to that square.

    A crop lies anywhere; padding is black, at the bottom and on the right. Boxes are clipped; one wholly
    outside is dropped.
    """
    scale_seed, row_seed, column_seed = split_seed(seed, 3)
    size = tf.cast(tf.shape(example.image)[:2], tf.float32)
    scale = uniform(scale_seed, scale_min, scale_max)
    # a long thin image must keep one row
    scaled = tf.maximum(tf.cast(scale * output_size * (size / tf.reduce_max(size)), tf.int32), 1)
    room = tf.maximum(tf.cast(scaled - output_size, tf.float32), 0.0)
    offset = tf.cast(room * tf.stack([uniform(row_seed), uniform(column_seed)]), tf.int32)
    # TF1's sampling, not the half-pixel centres of tf.image.resize; the OD API resizes masks alike
    resized = example.move(lambda images: tf.compat.v1.image.resize_images(images, scaled))
    cropped = resized.crop(offset, tf.minimum(scaled - offset, output_size))
    rows, columns = height_and_width(cropped.image)
    square = cropped.pad(tf.stack([[0, output_size - rows], [0, output_size - columns]]))
    window = tf.cast(tf.concat([offset, offset + output_size], axis=0), tf.float32)
    window /= tf.cast(tf.tile(scaled, [2]), tf.float32)
    return only_visible(square._replace(boxes=in_window(example.boxes, window)))


def _border(max_border: int, length: tf.Tensor) -> tf.Tensor:
    """`max_border` divided by the least power of two that makes it less than half of `length`, or so."""
    ratio = 2.0 * float(max_border) / tf.cast(length, tf.float32)
    halvings = tf.math.ceil(tf.math.log(ratio) / tf.math.log(2.0))
    divisor = tf.clip_by_value(tf.pow(2.0, halvings), 1.0, float(max_border))
    return max_border // tf.cast(divisor, tf.int32)
