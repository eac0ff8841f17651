"""Data augmentation of one example, as `data_augmentation_options` of pipeline.config asks for it.

All randomness is stateless: the same seed gives the same picture, so that a resumed training sees
what the interrupted one would have seen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import tensorflow as tf
from google.protobuf.message import Message

from detection.augment_example import Augmentation, Example
from detection.augment_options import MOVES, WINDOWS, build_step


@dataclass(frozen=True)
class Augmentations:
    """Augmentation steps in the order of pipeline.config, and the options that have no step here."""

    steps: tuple[tuple[str, Augmentation], ...] = ()
    not_applied: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the steps that are applied."""
        return tuple(name for name, _ in self.steps)

    def apply(self, example: Example, seed: tf.Tensor) -> Example:
        """Runs every step on one example.

        Args:
          example: its image uint8 or float32, values 0 to 255, or not decoded yet.
          seed: int32 or int64 [2]; equal seeds give equal results.

        Returns:
          The example after all steps. Its image is float32 once a step computes with values, and else uint8
          or as it came. Values stay in 0 to 255 but for steps that change the range, and there are more
          objects than before only after random_self_concat_image.
        """
        for index, (name, step) in enumerate(self.steps):
            step_seed = tf.random.experimental.stateless_fold_in(seed, index)
            if name not in WINDOWS:
                example = example.decoded()
            if name not in MOVES:
                example = example._replace(image=tf.cast(example.image, tf.float32))
            example = step(example, step_seed)
        return example.decoded()


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
