"""Augmentations that move boxes: flips and the SSD family of random crops."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from detection.augment_draws import Example, image_of_any_size, in_window, integer, split_seed, uniform

_MAX_CROP_ATTEMPTS = 100


@dataclass(frozen=True)
class CropOperation:
    """One random crop; field names and meanings are those of the RandomCropImage message.

    `random_coef` is the probability of leaving the image as it is. A box stays when at least
    `overlap_thresh` of its area lies inside the crop.
    """

    min_object_covered: float = 1.0
    aspect_ratio_range: tuple[float, float] = (0.75, 1.33)
    area_range: tuple[float, float] = (0.1, 1.0)
    overlap_thresh: float = 0.3
    clip_boxes: bool = True
    random_coef: float = 0.0


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


def random_horizontal_flip(
    image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, *, probability: float = 0.5
) -> Example:
    """Mirrors image float32 [h, w, 3] and boxes [N, 4] left to right with `probability`."""

    def flipped() -> tuple[tf.Tensor, tf.Tensor]:
        ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
        return image[:, ::-1], tf.stack([ymin, 1.0 - xmax, ymax, 1.0 - xmin], axis=-1)

    image, boxes = tf.cond(uniform(seed) < probability, flipped, lambda: (image, boxes))
    return image, boxes, classes


def random_vertical_flip(
    image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, *, probability: float = 0.5
) -> Example:
    """Mirrors image float32 [h, w, 3] and boxes [N, 4] top to bottom with `probability`."""

    def flipped() -> tuple[tf.Tensor, tf.Tensor]:
        ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
        return image[::-1], tf.stack([1.0 - ymax, xmin, 1.0 - ymin, xmax], axis=-1)

    image, boxes = tf.cond(uniform(seed) < probability, flipped, lambda: (image, boxes))
    return image, boxes, classes


def random_crop_image(
    image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, *, operation: CropOperation
) -> Example:
    """Crops a random window, or keeps the image with probability `operation.random_coef`.

    Follows the OD API's random_crop_image: the window is drawn by sample_distorted_bounding_box (the
    whole image when no window qualifies), boxes are moved to its frame and dropped when less than
    `overlap_thresh` of their area is inside.

    Args:
      image: float32 [h, w, 3]. boxes: float32 [N, 4]. classes: int32 [N]. seed: [2].
      operation: what to crop.

    Returns:
      image [h', w', 3], boxes [N', 4], classes [N'].
    """
    coin_seed, window_seed = split_seed(seed, 2)
    return tf.cond(
        uniform(coin_seed) > operation.random_coef,
        lambda: _crop(image, boxes, classes, window_seed, operation),
        lambda: (image, boxes, classes),
    )


def ssd_random_crop(
    image: tf.Tensor,
    boxes: tf.Tensor,
    classes: tf.Tensor,
    seed: tf.Tensor,
    *,
    operations: Sequence[CropOperation] = DEFAULT_SSD_CROPS,
) -> Example:
    """Applies one of `operations`, all equally likely, as random_crop_image does (shapes as there)."""
    choice_seed, crop_seed = split_seed(seed, 2)
    branches = [
        functools.partial(random_crop_image, image, boxes, classes, crop_seed, operation=operation)
        for operation in operations
    ]
    return tf.switch_case(integer(choice_seed, 0, len(operations)), branches)


def _crop(
    image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor, operation: CropOperation
) -> Example:
    begin, size, window = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        bounding_boxes=tf.clip_by_value(boxes, 0.0, 1.0)[tf.newaxis],
        seed=seed,
        min_object_covered=operation.min_object_covered,
        aspect_ratio_range=operation.aspect_ratio_range,
        area_range=operation.area_range,
        max_attempts=_MAX_CROP_ATTEMPTS,
        use_image_if_no_bounding_boxes=True,
    )
    image = image_of_any_size(tf.slice(image, begin, size))
    boxes, kept = boxes_in_crop(
        boxes, tf.reshape(window, [4]), operation.overlap_thresh, operation.clip_boxes
    )
    return image, tf.boolean_mask(boxes, kept), tf.boolean_mask(classes, kept)


def boxes_in_crop(
    boxes: tf.Tensor, window: tf.Tensor, overlap_thresh: float, clip_boxes: bool
) -> tuple[tf.Tensor, tf.Tensor]:
    """Boxes [N, 4] in the frame of window [4], and which of them a crop keeps: bool [N].

    Kept is a box of whose area some, and at least `overlap_thresh`, lies inside.
    """
    top_left = tf.maximum(boxes[:, :2], window[:2])
    bottom_right = tf.minimum(boxes[:, 2:], window[2:])
    inside = tf.reduce_prod(tf.maximum(bottom_right - top_left, 0.0), axis=1)
    area = tf.reduce_prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    # A box without area can't be found in the crop: 0/0 must not count as overlap.
    overlap = tf.math.divide_no_nan(inside, area)
    kept = (inside > 0.0) & (overlap >= overlap_thresh)
    moved = in_window(boxes, window)
    return tf.clip_by_value(moved, 0.0, 1.0) if clip_boxes else moved, kept
