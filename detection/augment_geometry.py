"""Augmentations that move boxes: flips and the SSD family of random crops."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf

from detection.augment_draws import integer, split_seed, uniform
from detection.augment_example import Example, in_window

_MAX_CROP_ATTEMPTS = 100
_NUMBERS = ("min_object_covered", "overlap_thresh", "random_coef")


@dataclass(frozen=True)
class CropOperation:
    """One random crop; field names and meanings are those of the RandomCropImage message.

    `random_coef` is the probability of leaving the image as it is. A box stays when at least
    `overlap_thresh` of its area lies inside the crop. The fields of _NUMBERS may be scalar tensors.
    """

    min_object_covered: float | tf.Tensor = 1.0
    aspect_ratio_range: tuple[float, float] = (0.75, 1.33)
    area_range: tuple[float, float] = (0.1, 1.0)
    overlap_thresh: float | tf.Tensor = 0.3
    clip_boxes: bool = True
    random_coef: float | tf.Tensor = 0.0


# The OD API's ssd_random_crop without `operations`: seven crops, the window covers ever more of an object.
DEFAULT_SSD_CROPS = tuple(
    CropOperation(
        min_object_covered=coverage,
        aspect_ratio_range=(0.5, 2.0),
        overlap_thresh=coverage,
        random_coef=0.15,
    )
    for coverage in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
)


def random_horizontal_flip(example: Example, seed: tf.Tensor, *, probability: float = 0.5) -> Example:
    """Mirrors everything left to right with `probability`."""
    flip = uniform(seed) < probability
    ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=-1)
    flipped = tf.stack([ymin, 1.0 - xmax, ymax, 1.0 - xmin], axis=-1)
    return example._replace(boxes=tf.where(flip, flipped, example.boxes)).mirror(1, flip)


def random_vertical_flip(example: Example, seed: tf.Tensor, *, probability: float = 0.5) -> Example:
    """Mirrors everything top to bottom with `probability`."""
    flip = uniform(seed) < probability
    ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=-1)
    flipped = tf.stack([1.0 - ymax, xmin, 1.0 - ymin, xmax], axis=-1)
    return example._replace(boxes=tf.where(flip, flipped, example.boxes)).mirror(0, flip)


def random_crop_image(example: Example, seed: tf.Tensor, *, operation: CropOperation) -> Example:
    """Crops a random window, or keeps the image with probability `operation.random_coef`.

    Follows the OD API's random_crop_image: the window is drawn by sample_distorted_bounding_box (the
    whole image when no window qualifies), boxes are moved to its frame and dropped when less than
    `overlap_thresh` of their area is inside.
    """
    coin_seed, window_seed = split_seed(seed, 2)
    cropped = uniform(coin_seed) > operation.random_coef
    begin, size, window = tf.image.stateless_sample_distorted_bounding_box(
        tf.pad(example.size, [[0, 1]], constant_values=3),
        bounding_boxes=tf.clip_by_value(example.boxes, 0.0, 1.0)[tf.newaxis],
        seed=window_seed,
        min_object_covered=operation.min_object_covered,
        aspect_ratio_range=operation.aspect_ratio_range,
        area_range=operation.area_range,
        max_attempts=_MAX_CROP_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    boxes, kept = boxes_in_crop(
        example.boxes, tf.reshape(window, [4]), operation.overlap_thresh, operation.clip_boxes
    )
    # Drawn and then not used costs less than a branch: a window of the whole image copies nothing.
    example = example._replace(boxes=tf.where(cropped, boxes, example.boxes)).keep(kept | ~cropped)
    return example.crop(tf.where(cropped, begin[:2], 0), tf.where(cropped, size[:2], example.size))


def ssd_random_crop(
    example: Example,
    seed: tf.Tensor,
    *,
    operations: Sequence[CropOperation] = DEFAULT_SSD_CROPS,
) -> Example:
    """Applies one of `operations`, all equally likely, as random_crop_image does."""
    choice_seed, crop_seed = split_seed(seed, 2)
    choice = integer(choice_seed, 0, len(operations))
    # A branch that isn't taken costs time as well: operations that differ in numbers only share one.
    numbers: dict[str, Any] = {
        name: tf.gather(tf.constant([getattr(operation, name) for operation in operations]), choice)
        for name in _NUMBERS
    }
    without: dict[str, Any] = dict.fromkeys(_NUMBERS, 0.0)
    kinds = [replace(operation, **without) for operation in operations]
    branches = {
        kind: functools.partial(random_crop_image, example, crop_seed, operation=replace(kind, **numbers))
        for kind in dict.fromkeys(kinds)
    }
    if len(branches) == 1:
        return branches[kinds[0]]()
    places = tf.constant([list(branches).index(kind) for kind in kinds])
    return tf.switch_case(tf.gather(places, choice), list(branches.values()))


def boxes_in_crop(
    boxes: tf.Tensor, window: tf.Tensor, overlap_thresh: float | tf.Tensor, clip_boxes: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Boxes [N, 4] in the frame of window [4], and which of them a crop keeps: bool [N].

    Kept is a box of whose area some, and at least `overlap_thresh`, lies inside.
    """
    top_left, bottom_right = tf.unstack(tf.reshape(boxes, [-1, 2, 2]), axis=1)
    least, most = tf.unstack(tf.reshape(window, [2, 2]))
    seen = tf.minimum(bottom_right, most) - tf.maximum(top_left, least)
    inside = tf.reduce_prod(tf.maximum(seen, 0.0), axis=1)
    area = tf.reduce_prod(bottom_right - top_left, axis=1)
    # A box without area can't be found in the crop: 0/0 must not count as overlap.
    overlap = tf.math.divide_no_nan(inside, area)
    kept = (inside > 0.0) & (overlap >= overlap_thresh)
    moved = in_window(boxes, window)
    return tf.clip_by_value(moved, 0.0, 1.0) if clip_boxes else moved, kept
