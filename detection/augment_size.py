"""Augmentations that resample the image; normalised boxes stay as they are.

All sample as TF1 did: tf.image.resize of TF 2 has other pixel centres.
"""

from __future__ import annotations

import functools

import tensorflow as tf

from detection.augment_draws import (
    Example,
    height_and_width,
    image_of_any_size,
    integer,
    split_seed,
    uniform,
)


def random_image_scale(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    seed: tf.Tensor,
    *,
    min_scale_ratio: float = 0.5,
    max_scale_ratio: float = 2.0,
) -> Example:
    """Scales height and width by one factor from [min_scale_ratio, max_scale_ratio), corners aligned."""
    scale = uniform(seed, min_scale_ratio, max_scale_ratio)
    size = tf.cast(tf.cast(tf.shape(image)[:2], tf.float32) * scale, tf.int32)
    scaled = tf.compat.v1.image.resize_images(image, size, align_corners=True)
    return image_of_any_size(scaled), boxes, classes


def random_resize_method(
    image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, *, height: int, width: int
) -> Example:
    """Resizes by one of four methods, all equally likely: bilinear, nearest neighbour, bicubic, area."""
    # TF1's numbers of the methods, in that order
    branches = [functools.partial(_resize, image, height, width, method) for method in range(4)]
    return tf.switch_case(integer(seed, 0, len(branches)), branches), boxes, classes


def resize_image(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    _seed: tf.Tensor,
    *,
    height: int,
    width: int,
    method: str = "bilinear",
) -> Example:
    """Resizes by `method`: "area", "bicubic", "bilinear" or "nearest"."""
    number = ("bilinear", "nearest", "bicubic", "area").index(method)
    return _resize(image, height, width, number), boxes, classes


def random_downscale_to_target_pixels(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
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
    height, width = height_and_width(image)
    pixels = height * width
    scale = tf.sqrt(tf.cast(target, tf.float32) / tf.cast(pixels, tf.float32))
    size = tf.cast(scale * tf.cast(tf.stack([height, width]), tf.float32), tf.int32)
    image = tf.cond(
        (uniform(coin_seed) >= random_coef) & (pixels > target),
        lambda: image_of_any_size(tf.compat.v1.image.resize_images(image, size)),
        lambda: image,
    )
    return image, boxes, classes


def _resize(image: tf.Tensor, height: int, width: int, method: int) -> tf.Tensor:
    return tf.cast(tf.compat.v1.image.resize_images(image, [height, width], method), tf.float32)
