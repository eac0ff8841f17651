"""Data augmentation of one example, as `data_augmentation_options` of pipeline.config asks for it.

All randomness is stateless: the same seed gives the same picture, so that a resumed training sees
what the interrupted one would have seen.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf
from google.protobuf.message import Message

from detection.augment_color import (
    random_adjust_brightness,
    random_adjust_contrast,
    random_adjust_hue,
    random_adjust_saturation,
    random_distort_color,
    random_rgb_to_gray,
)
from detection.augment_geometry import (
    DEFAULT_SSD_CROPS,
    Augmentation,
    CropOperation,
    Example,
    random_crop_image,
    random_horizontal_flip,
    random_vertical_flip,
    ssd_random_crop,
)


@dataclass(frozen=True)
class Augmentations:
    """Augmentation steps in the order of pipeline.config, and the options that have no step here."""

    steps: tuple[tuple[str, Augmentation], ...] = ()
    not_applied: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the steps that are applied."""
        return tuple(name for name, _ in self.steps)

    def apply(self, image: tf.Tensor, boxes: tf.Tensor, classes: tf.Tensor, seed: tf.Tensor) -> Example:
        """Runs every step on one example.

        Args:
          image: float32 [h, w, 3], values 0 to 255.
          boxes: float32 [N, 4], normalised [ymin, xmin, ymax, xmax].
          classes: int32 [N].
          seed: int32 or int64 [2]; equal seeds give equal results.

        Returns:
          image float32 [h', w', 3] in 0 to 255, boxes [N', 4], classes [N'] with N' <= N.
        """
        for index, (_, step) in enumerate(self.steps):
            step_seed = tf.random.experimental.stateless_fold_in(seed, index)
            image, boxes, classes = step(image, boxes, classes, step_seed)
        return image, boxes, classes


def build_augmentations(options: Iterable[Message]) -> Augmentations:
    """Builds the steps for `train_config.data_augmentation_options`.

    Args:
      options: PreprocessingStep messages.

    Returns:
      The steps; an option without a counterpart here is named in `not_applied`, never an error.
    """
    steps: list[tuple[str, Augmentation]] = []
    not_applied: list[str] = []
    for option in options:
        name = option.WhichOneof("preprocessing_step")
        if name is None:
            continue
        step = _build_step(name, getattr(option, name))
        if step is None:
            not_applied.append(name)
        else:
            steps.append((name, step))
    return Augmentations(tuple(steps), tuple(not_applied))


def _build_step(name: str, config: Message) -> Augmentation | None:
    match name:
        case "random_horizontal_flip":
            return functools.partial(random_horizontal_flip, probability=config.probability)
        case "random_vertical_flip":
            return functools.partial(random_vertical_flip, probability=config.probability)
        case "random_crop_image":
            return functools.partial(random_crop_image, operation=_crop_operation(config))
        case "ssd_random_crop":
            operations = tuple(_crop_operation(operation) for operation in config.operations)
            return functools.partial(ssd_random_crop, operations=operations or DEFAULT_SSD_CROPS)
        case "random_adjust_brightness":
            return functools.partial(random_adjust_brightness, max_delta=config.max_delta)
        case "random_adjust_contrast":
            return functools.partial(
                random_adjust_contrast, min_delta=config.min_delta, max_delta=config.max_delta
            )
        case "random_adjust_hue":
            return functools.partial(random_adjust_hue, max_delta=config.max_delta)
        case "random_adjust_saturation":
            return functools.partial(
                random_adjust_saturation, min_delta=config.min_delta, max_delta=config.max_delta
            )
        case "random_distort_color":
            return functools.partial(random_distort_color, color_ordering=config.color_ordering)
        case "random_rgb_to_gray":
            return functools.partial(random_rgb_to_gray, probability=config.probability)
        case _:
            return None


def _crop_operation(config: Message) -> CropOperation:
    return CropOperation(
        min_object_covered=config.min_object_covered,
        aspect_ratio_range=(config.min_aspect_ratio, config.max_aspect_ratio),
        area_range=(config.min_area, config.max_area),
        overlap_thresh=config.overlap_thresh,
        clip_boxes=config.clip_boxes,
        random_coef=config.random_coef,
    )
