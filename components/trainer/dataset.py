"""Records -> batches for training, in an order that a resumed run can rejoin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from components.trainer.records import (
    SOURCE_ID,
    names_of,
    read_context,
    read_example,
    read_records,
    shuffle_block,
    shuffled_records,
)
from components.trainer.share import WHOLE, Share
from detection.augment import Augmentations
from detection.augment_example import Example, resize_masks
from detection.context import ContextShape

MAX_BOXES = 100
_BATCHES_AHEAD = 2

Groundtruth = dict[str, tf.Tensor]
Preprocess = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True)
class NamedBatch:
    """One batch of make_training_dataset, and the image/source_id of each of its images."""

    images: tf.Tensor
    groundtruth: Groundtruth
    source_ids: list[str]


def make_training_dataset(
    files: Sequence[Path],
    preprocess: Preprocess,
    batch_size: int,
    *,
    seed: int,
    augmentations: Augmentations,
    num_examples: int,
    start_step: int = 0,
    masks: bool = False,
    context: ContextShape | None = None,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Endless, shuffled, augmented batches; batches run across the ends of epochs.

    Order and augmentation follow from `seed` and the example's position alone: the batches from
    `start_step` on equal those of a run that began at step 0.

    Args:
      files: TFRecord files, gzip where the name ends in .gz.
      preprocess: uint8 or float32 [1, h, w, 3] in 0 to 255 -> float32 [1, H, W, 3]; the model's own, so
        that training and serving resize alike.
      batch_size: images in a batch.
      seed: decides order and augmentation.
      augmentations: applied before `preprocess`.
      num_examples: records in `files`, from examine_records.
      start_step: batches already trained on.
      masks: whether the objects' masks are read.
      context: of the memory that a Context R-CNN reads; augmentations leave it as it is.
      share: what is read of each batch; B is its size then.

    Returns:
      Dataset of (images float32 [B, H, W, 3], groundtruth) with groundtruth = {"boxes": float32
      [B, 100, 4], "classes": int32 [B, 100], "weights": float32 [B, 100]}, zero in the padding; with
      `masks` also "masks": float32 [B, M, H, W] of 0 and 1, for as many rows as the batch's image with the
      most objects has, since 100 of them would fill the memory; with `context` also "context_features":
      float32 [B, N, L], zero in the padding, and "valid_context_size": int32 [B].
    """

    def load(
        position: tf.Tensor, block_and_place: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, Groundtruth]:
        record = tf.gather(*block_and_place)
        example = augmentations.apply(read_example(record, masks), tf.stack([seed, position]))
        return _network_input(example, preprocess, record, context)

    start_example = start_step * batch_size
    records = shuffled_records(files, seed, num_examples, start_example, shuffle_block(context))
    loaded = share.select(records.enumerate(start=start_example), batch_size).map(
        load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
    batches = _batched(loaded, share.size(batch_size), drop_remainder=True).prefetch(_BATCHES_AHEAD)
    return batches.with_options(_untuned())


def read_source_ids(
    files: Sequence[Path],
    batch_size: int,
    *,
    seed: int,
    num_examples: int,
    step: int,
    context: ContextShape | None = None,
) -> list[str]:
    """The image/source_id of each image in the batch that make_training_dataset gives after `step` steps.

    They are read when somebody asks, so that they cost a training nothing.
    """
    block = shuffle_block(context)
    records = shuffled_records(files, seed, num_examples, step * batch_size, block).take(batch_size)
    return [
        tf.io.parse_single_example(block[place], SOURCE_ID)["image/source_id"]
        .numpy()
        .decode(errors="replace")
        for block, place in records
    ]


def make_eval_dataset(
    files: Sequence[Path],
    preprocess: Preprocess,
    batch_size: int,
    *,
    num_examples: int,
    masks: bool = False,
    context: ContextShape | None = None,
) -> tf.data.Dataset:
    """The first `num_examples` in file order, once, not augmented; else as make_training_dataset."""

    def load(record: tf.Tensor) -> tuple[tf.Tensor, Groundtruth]:
        return _network_input(read_example(record, masks).decoded(), preprocess, record, context)

    loaded = (
        read_records(names_of(files))
        .take(num_examples)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    )
    return (
        _batched(loaded, batch_size, drop_remainder=False)
        .apply(tf.data.experimental.assert_cardinality(math.ceil(num_examples / batch_size)))
        .prefetch(tf.data.AUTOTUNE)
    )


def _untuned() -> tf.data.Options:
    """As many images at a time as there are processors; finding out how many are best costs time of each."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _network_input(
    example: Example, preprocess: Preprocess, record: tf.Tensor, context: ContextShape | None
) -> tuple[tf.Tensor, Groundtruth]:
    image = preprocess(example.image[tf.newaxis])[0]
    groundtruth = pad_groundtruth(example, tf.shape(image)[:2])
    return image, groundtruth | (read_context(record, context) if context else {})


def pad_groundtruth(example: Example, size: tf.Tensor) -> Groundtruth:
    """The objects in MAX_BOXES rows, padded with weight 0; more of them are cut, as the OD API does.

    Masks, [N, h, w] of at most as many objects, are resized to `size` (H, W) and not padded.
    """
    groundtruth = {
        "boxes": tf.slice(tf.concat([example.boxes, tf.zeros([MAX_BOXES, 4])], 0), [0, 0], [MAX_BOXES, 4]),
        "classes": tf.slice(tf.concat([example.classes, [0] * MAX_BOXES], 0), [0], [MAX_BOXES]),
        "weights": tf.cast(tf.range(MAX_BOXES) < tf.size(example.classes), tf.float32),
    }
    if example.masks is not None:
        groundtruth["masks"] = resize_masks(example.masks[:MAX_BOXES], size)
    return groundtruth


def _batched(loaded: tf.data.Dataset, batch_size: int, *, drop_remainder: bool) -> tf.data.Dataset:
    """Batches; where there are masks, [N, H, W], each image gets as many as the one with the most has."""
    if "masks" not in loaded.element_spec[1]:
        return loaded.batch(batch_size, drop_remainder=drop_remainder)
    shapes = tf.nest.map_structure(lambda spec: spec.shape, loaded.element_spec)
    return loaded.padded_batch(batch_size, shapes, drop_remainder=drop_remainder)
