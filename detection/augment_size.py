"""Augmentations that resample image and masks; normalised boxes stay as they are.

All sample as TF1 did: tf.image.resize of TF 2 has other pixel centres.
"""

from __future__ import annotations

import functools

import tensorflow as tf

from detection.augment_draws import integer, split_seed, uniform
from detection.augment_example import Example, height_and_width, image_of_any_size, resize_masks


def random_image_scale(
    example: Example,
    seed: tf.Tensor,
    *,
    min_scale_ratio: float = 0.5,
    max_scale_ratio: float = 2.0,
) -> Example:
    """Scales height and width by one factor from [min_scale_ratio, max_scale_ratio), corners aligned."""
    scale = uniform(seed, min_scale_ratio, max_scale_ratio)
    size = tf.cast(tf.cast(tf.shape(example.image)[:2], tf.float32) * scale, tf.int32)
    image = tf.compat.v1.image.resize_images(example.image, size, align_corners=True)
    masks = resize_masks(example.masks, size, align_corners=True)
    return example._replace(image=image_of_any_size(image), masks=masks)


def random_resize_method(example: Example, seed: tf.Tensor, *, height: int, width: int) -> Example:
    """Resizes by one of four methods, all equally likely: bilinear, nearest neighbour, bicubic, area."""
    # TF1's numbers of the methods, in that order
    branches = [functools.partial(_resize, example, height, width, method) for method in range(4)]
    return tf.switch_case(integer(seed, 0, len(branches)), branches)


def resize_image(
    example: Example,
    _seed: tf.Tensor,
    *,
    height: int,
    width: int,
    method: str = "bilinear",
) -> Example:
    """Resizes by `method`: "area", "bicubic", "bilinear" or "nearest"."""
    number = ("bilinear", "nearest", "bicubic", "area").index(method)
    return _resize(example, height, width, number)


def random_downscale_to_target_pixels(
    example: Example,
    seed: tf.Tensor,
    *,
    random_coef: float = 0.0,
    min_target_pixels: int = 300_000,
    max_target_pixels: int = 800_000,
) -> Example:
    """Shrinks an image of more pixels to about as many as drawn from [min, max_target_pixels).

    `random_coef` is the probability of leaving the image as it is.
    """
    coin_seed, target_seed = split_seed(seed, 2)
    target = integer(target_seed, min_target_pixels, max_target_pixels)
    height, width = height_and_width(example.image)
    pixels = height * width
    scale = tf.sqrt(tf.cast(target, tf.float32) / tf.cast(pixels, tf.float32))
    size = tf.cast(scale * tf.cast(tf.stack([height, width]), tf.float32), tf.int32)
    return tf.cond(
        (uniform(coin_seed) >= random_coef) & (pixels > target),
        lambda: example._replace(
            image=image_of_any_size(tf.compat.v1.image.resize_images(example.image, size)),
            masks=resize_masks(example.masks, size),
        ),
        lambda: example,
    )


def _resize(example: Example, height: int, width: int, method: int) -> Example:
    image = tf.compat.v1.image.resize_images(example.image, [height, width], method)
    return example._replace(
        image=tf.cast(image, tf.float32), masks=resize_masks(example.masks, tf.constant([height, width]))
    )
