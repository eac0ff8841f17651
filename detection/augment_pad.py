"""Augmentations that put the image somewhere on a larger canvas, and crops that do so after cropping."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from detection.augment_draws import integer, split_seed
from detection.augment_example import Example, height_and_width, in_window
from detection.augment_geometry import CropOperation, random_crop_image

Color = tuple[float, float, float]


@dataclass(frozen=True)
class PadOperation:
    """Padding after a crop: the canvas in heights and widths of the uncropped image.

    `color` None is the mean color of the crop.
    """

    min_size_ratio: tuple[float, float] = (1.0, 1.0)
    max_size_ratio: tuple[float, float] = (2.0, 2.0)
    color: Color | None = None


# The OD API's ssd_random_crop_pad without `operations`: as ssd_random_crop, but each covers something.
DEFAULT_SSD_CROP_PADS = tuple(
    (
        CropOperation(
            min_object_covered=coverage,
            aspect_ratio_range=(0.5, 2.0),
            overlap_thresh=coverage,
            random_coef=0.15,
        ),
        PadOperation(),
    )
    for coverage in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
)


def random_pad_image(
    example: Example,
    seed: tf.Tensor,
    *,
    min_size: tuple[int, int] | None = None,
    max_size: tuple[int, int] | None = None,
    color: Color | None = None,
) -> Example:
    """Pads to a random height and width from [min_size, max_size), the image anywhere in it.

    A size below the image's counts as the image's; without sizes the canvas is up to twice the image.
    Without a color it has the image's mean color.
    """
    size = tf.shape(example.image)[:2]
    return _pad(
        example,
        seed,
        size if min_size is None else tf.constant(min_size),
        2 * size if max_size is None else tf.constant(max_size),
        color,
    )


def random_absolute_pad_image(
    example: Example,
    seed: tf.Tensor,
    *,
    max_padding: tuple[int, int],
    color: Color | None = None,
) -> Example:
    """Pads by less than `max_padding` rows and columns, otherwise as random_pad_image."""
    size = tf.shape(example.image)[:2]
    return _pad(example, seed, size, size + tf.constant(max_padding), color)


def random_crop_pad_image(
    example: Example,
    seed: tf.Tensor,
    *,
    crop: CropOperation,
    padding: PadOperation,
) -> Example:
    """Crops as random_crop_image does, then pads towards the size that the image had."""
    crop_seed, pad_seed = split_seed(seed, 2)
    size = tf.cast(tf.shape(example.image)[:2], tf.float32)
    return _pad(
        random_crop_image(example, crop_seed, operation=crop),
        pad_seed,
        tf.cast(size * padding.min_size_ratio, tf.int32),
        tf.cast(size * padding.max_size_ratio, tf.int32),
        padding.color,
    )


def ssd_random_crop_pad(
    example: Example,
    seed: tf.Tensor,
    *,
    operations: Sequence[tuple[CropOperation, PadOperation]] = DEFAULT_SSD_CROP_PADS,
) -> Example:
    """Applies one of `operations`, all equally likely, as random_crop_pad_image does."""
    choice_seed, step_seed = split_seed(seed, 2)
    branches = [
        functools.partial(random_crop_pad_image, example, step_seed, crop=crop, padding=padding)
        for crop, padding in operations
    ]
    return tf.switch_case(integer(choice_seed, 0, len(operations)), branches)


def _pad(
    example: Example,
    seed: tf.Tensor,
    min_size: tf.Tensor,
    max_size: tf.Tensor,
    color: Color | None,
) -> Example:
    """The example on a canvas of a size from [min_size, max_size), int32 [2] each."""
    seeds = split_seed(seed, 4)
    height, width = height_and_width(example.image)
    size = tf.stack([height, width])
    min_size, max_size = tf.maximum(min_size, size), tf.maximum(max_size, size)
    # Where nothing is to choose the OD API takes the upper end, which may be below the lower one.
    canvas = tf.stack([
        tf.where(low < high, integer(seeds[i], low, high), high)
        for i, (low, high) in enumerate(zip(tf.unstack(min_size), tf.unstack(max_size), strict=True))
    ])  # fmt: skip
    room = canvas - size
    offset = tf.stack([integer(seeds[2], 0, room[0]), integer(seeds[3], 0, room[1])])
    fill = tf.reduce_mean(example.image, axis=[0, 1]) if color is None else tf.constant(color, tf.float32)
    margins = tf.stack([offset, room - offset], axis=1)
    padded = example.pad(margins)
    outside = 1.0 - tf.pad(tf.ones([height, width]), margins)[..., tf.newaxis]
    window = tf.cast(tf.concat([-offset, canvas - offset], axis=0), tf.float32)
    boxes = in_window(example.boxes, window / tf.cast(tf.tile(size, [2]), tf.float32))
    return padded._replace(image=padded.image + outside * fill, boxes=boxes)
