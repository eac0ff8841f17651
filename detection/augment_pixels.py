"""Augmentations of pixels and patches, and fixed changes of all values; boxes and masks pass through."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from detection.augment_draws import integer, split_seed, uniform
from detection.augment_example import Example, height_and_width


def random_pixel_value_scale(
    example: Example,
    seed: tf.Tensor,
    *,
    minval: float = 0.9,
    maxval: float = 1.1,
) -> Example:
    """Multiplies every value by a factor of its own from [minval, maxval), within 0 to 255."""
    factors = tf.random.stateless_uniform(tf.shape(example.image), seed, minval, maxval)
    return example._replace(image=tf.clip_by_value(example.image * factors, 0.0, 255.0))


def adjust_gamma(
    example: Example,
    _seed: tf.Tensor,
    *,
    gamma: float = 1.0,
    gain: float = 1.0,
) -> Example:
    """Raises each value, as a fraction of full scale, to `gamma` and multiplies it by `gain`."""
    adjusted = gain * tf.pow(example.image / 255.0, gamma) * 255.0
    return example._replace(image=tf.clip_by_value(adjusted, 0.0, 255.0))


def normalize_image(
    example: Example,
    _seed: tf.Tensor,
    *,
    original: tuple[float, float],
    target: tuple[float, float] = (0.0, 1.0),
) -> Example:
    """Maps the range `original` to `target`, both (least, most), without clipping."""
    scale = (target[1] - target[0]) / (original[1] - original[0])
    return example._replace(image=(example.image - original[0]) * scale + target[0])


def subtract_channel_mean(example: Example, _seed: tf.Tensor, *, means: Sequence[float]) -> Example:
    """Subtracts `means` (red, green, blue) from the channels."""
    return example._replace(image=example.image - tf.constant(means, tf.float32))


def random_black_patches(
    example: Example,
    seed: tf.Tensor,
    *,
    max_black_patches: int = 10,
    probability: float = 0.5,
    size_to_image_ratio: float = 0.1,
) -> Example:
    """Blackens up to `max_black_patches` squares, each with `probability`; they may overlap.

    Their side is `size_to_image_ratio` of the image's shorter one.
    """
    coin_seed, row_seed, column_seed = split_seed(seed, 3)
    height, width = height_and_width(example.image)
    side = tf.cast(tf.cast(tf.minimum(height, width), tf.float32) * size_to_image_ratio, tf.int32)
    applied = tf.random.stateless_uniform([max_black_patches], coin_seed) <= probability

    def covered(length: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
        """Which of `length` rows or columns each patch covers: float32 [patches, length]."""
        places = tf.random.stateless_uniform([max_black_patches], draw, 0.0, 1.0 - size_to_image_ratio)
        first = tf.cast(places * tf.cast(length, tf.float32), tf.int32)[:, tf.newaxis]
        index = tf.range(length)[tf.newaxis]
        return tf.cast((index >= first) & (index < first + side), tf.float32)

    rows = covered(height, row_seed) * tf.cast(applied, tf.float32)[:, tf.newaxis]
    patches = tf.matmul(rows, covered(width, column_seed), transpose_a=True)
    return example._replace(image=tf.where(patches[..., tf.newaxis] > 0.0, 0.0, example.image))


def random_patch_gaussian(
    example: Example,
    seed: tf.Tensor,
    *,
    random_coef: float = 0.0,
    min_patch_size: int = 1,
    max_patch_size: int = 250,
    min_gaussian_stddev: float = 0.0,
    max_gaussian_stddev: float = 1.0,
) -> Example:
    """Adds Gaussian noise in one square patch, its centre anywhere, its side from [min, max_patch_size).

    The deviation is in fractions of full scale; values stay within 0 to 255. `random_coef` is the
    probability of leaving the image as it is.
    """
    coin_seed, side_seed, deviation_seed, row_seed, column_seed, noise_seed = split_seed(seed, 6)
    height, width = height_and_width(example.image)
    side = integer(side_seed, min_patch_size, max_patch_size)
    deviation = uniform(deviation_seed, min_gaussian_stddev, max_gaussian_stddev)

    def inside(length: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
        offset = tf.range(length) - integer(draw, 0, length)
        return (offset >= -(side // 2)) & (offset < (side + 1) // 2)

    image = example.image

    def noisy() -> tf.Tensor:
        noise = tf.random.stateless_normal(tf.shape(image), noise_seed, stddev=deviation)
        patch = inside(height, row_seed)[:, tf.newaxis] & inside(width, column_seed)[tf.newaxis]
        return tf.where(patch[..., tf.newaxis], tf.clip_by_value(image + 255.0 * noise, 0.0, 255.0), image)

    return example._replace(image=tf.cond(uniform(coin_seed) >= random_coef, noisy, lambda: image))


def random_jpeg_quality(
    example: Example,
    seed: tf.Tensor,
    *,
    random_coef: float = 0.0,
    min_jpeg_quality: int = 0,
    max_jpeg_quality: int = 100,
) -> Example:
    """Encodes the image as JPEG and decodes it, with a quality from [min, max_jpeg_quality).

    `random_coef` is the probability of leaving the image as it is.
    """
    coin_seed, quality_seed = split_seed(seed, 2)
    quality = integer(quality_seed, min_jpeg_quality, max_jpeg_quality)

    image = example.image

    def encoded() -> tf.Tensor:
        return tf.cast(tf.image.adjust_jpeg_quality(tf.cast(image, tf.uint8), quality), tf.float32)

    return example._replace(image=tf.cond(uniform(coin_seed) >= random_coef, encoded, lambda: image))
