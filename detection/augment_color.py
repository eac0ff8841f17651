"""Augmentations that change colors only; boxes and masks pass through.

Images are float32 [h, w, 3] with values 0 to 255 and stay in that range. Ranges and formulas are the
OD API's.
"""

from __future__ import annotations

import tensorflow as tf

from detection.augment_draws import split_seed, uniform
from detection.augment_example import Example


def random_adjust_brightness(example: Example, seed: tf.Tensor, *, max_delta: float = 0.2) -> Example:
    """Adds a delta from [-max_delta, max_delta), as a fraction of full scale, to all channels."""
    delta = uniform(seed, -max_delta, max_delta)
    return _with(example, example.image + delta * 255.0)


def random_adjust_contrast(
    example: Example,
    seed: tf.Tensor,
    *,
    min_delta: float = 0.8,
    max_delta: float = 1.25,
) -> Example:
    """Scales the distance from each channel's mean by a factor from [min_delta, max_delta)."""
    factor = uniform(seed, min_delta, max_delta)
    return _with(example, tf.image.adjust_contrast(example.image, factor))


def random_adjust_hue(example: Example, seed: tf.Tensor, *, max_delta: float = 0.02) -> Example:
    """Turns the hue by a delta from [-max_delta, max_delta), as a fraction of the color circle."""
    delta = uniform(seed, -max_delta, max_delta)
    return _with(example, tf.image.adjust_hue(example.image / 255.0, delta) * 255.0)


def random_adjust_saturation(
    example: Example,
    seed: tf.Tensor,
    *,
    min_delta: float = 0.8,
    max_delta: float = 1.25,
) -> Example:
    """Scales the saturation by a factor from [min_delta, max_delta)."""
    factor = uniform(seed, min_delta, max_delta)
    return _with(example, tf.image.adjust_saturation(example.image / 255.0, factor) * 255.0)


def random_distort_color(example: Example, seed: tf.Tensor, *, color_ordering: int = 0) -> Example:
    """Brightness, then saturation, hue and contrast; ordering 1 puts contrast before saturation."""
    seeds = split_seed(seed, 4)
    example = random_adjust_brightness(example, seeds[0], max_delta=32.0 / 255.0)
    if color_ordering == 1:
        example = random_adjust_contrast(example, seeds[3], min_delta=0.5, max_delta=1.5)
    example = random_adjust_saturation(example, seeds[1], min_delta=0.5, max_delta=1.5)
    example = random_adjust_hue(example, seeds[2], max_delta=0.2)
    if color_ordering != 1:
        example = random_adjust_contrast(example, seeds[3], min_delta=0.5, max_delta=1.5)
    return example


def random_rgb_to_gray(example: Example, seed: tf.Tensor, *, probability: float = 0.1) -> Example:
    """Makes the image gray, still with three channels, with `probability`."""
    gray = uniform(seed) <= probability
    image = example.image
    image = tf.cond(gray, lambda: tf.image.grayscale_to_rgb(tf.image.rgb_to_grayscale(image)), lambda: image)
    return example._replace(image=image)


def _with(example: Example, image: tf.Tensor) -> Example:
    return example._replace(image=tf.clip_by_value(image, 0.0, 255.0))
