"""Data augmentation of one example, as `data_augmentation_options` of pipeline.config asks for it.

All randomness is stateless: the same seed gives the same picture, so that a resumed training sees
what the interrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf
from google.protobuf.message import Message

from detection.augment_draws import Augmentation, Example
from detection.augment_options import build_step


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
            image float32 [h', w', 3], boxes [N', 4], classes [N']. Values stay in 0 to 255 but for steps that
        change the range, and N' is above N only after random_self_concat_image.
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

    Raises:
      BadInput: an option's settings can't be used.
    """
    steps: list[tuple[str, Augmentation]] = []
    not_applied: list[str] = []
    for option in options:
        name = option.WhichOneof("preprocessing_step")
        if name is None:
            continue
        step = build_step(name, getattr(option, name))
        if step is None:
            not_applied.append(name)
        else:
            steps.append((name, step))
    return Augmentations(tuple(steps), tuple(not_applied))
