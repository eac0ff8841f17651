"""TFRecords of the OD API schema -> batches for training, in an order that a resumed run can rejoin."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from detection.augment import Augmentations
from detection.errors import BadInput

MAX_BOXES = 100
_SHUFFLE_BLOCK = 1024  # records that are read and shuffled at a time

Groundtruth = dict[str, tf.Tensor]


@dataclass(frozen=True)
class NamedBatch:
    """One batch of make_training_dataset, and the image/source_id of each of its images."""

    images: tf.Tensor
    groundtruth: Groundtruth
    source_ids: list[str]


_BBOX = "image/object/bbox/"
_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    **{_BBOX + side: tf.io.RaggedFeature(tf.float32) for side in ("ymin", "xmin", "ymax", "xmax")},
    "image/object/class/label": tf.io.RaggedFeature(tf.int64),
}


def count_examples(files: Sequence[Path]) -> int:
    """Number of records in `files`.

    Raises:
      BadInput: there is no file, or no record in them.
    """
    count = 0
    if files:
        count = int(_records(_names(files)).reduce(tf.constant(0, tf.int64), lambda n, _: n + 1))
    if count == 0:
        raise BadInput(
            "there is no example to read",
            ", ".join(map(str, files)) or "no TFRecord file",
            "check the data section of the detector's YAML and the quarantine report",
        )
    return count


def make_training_dataset(
    files: Sequence[Path],
    preprocess: Callable[[tf.Tensor], tf.Tensor],
    batch_size: int,
    *,
    seed: int,
    augmentations: Augmentations,
    num_examples: int,
    start_step: int = 0,
) -> tf.data.Dataset:
    """Endless, shuffled, augmented batches; batches run across the ends of epochs.

    Order and augmentation follow from `seed` and the example's position alone: the batches from
    `start_step` on equal those of a run that began at step 0.

    Args:
      files: TFRecord files, gzip where the name ends in .gz.
      preprocess: float32 [1, h, w, 3] in 0 to 255 -> float32 [1, H, W, 3]; the model's own, so that
        training and serving resize alike.
      batch_size: images in a batch.
      seed: decides order and augmentation.
      augmentations: applied before `preprocess`.
      num_examples: records in `files`, from count_examples.
      start_step: batches already trained on.

    Returns:
      Dataset of (images float32 [B, H, W, 3], groundtruth) with groundtruth = {"boxes": float32
      [B, 100, 4], "classes": int32 [B, 100], "weights": float32 [B, 100]}, zero in the padding.
    """

    def load(position: tf.Tensor, record: tf.Tensor) -> tuple[tf.Tensor, Groundtruth]:
        image, boxes, classes = decode_example(record)
        image, boxes, classes = augmentations.apply(image, boxes, classes, tf.stack([seed, position]))
        return preprocess(image[tf.newaxis])[0], pad_groundtruth(boxes, classes)

    start_example = start_step * batch_size
    return (
        _shuffled_records(files, seed, num_examples, start_example)
        .enumerate(start=start_example)
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )


def read_source_ids(
    files: Sequence[Path], batch_size: int, *, seed: int, num_examples: int, step: int
) -> list[str]:
    """The image/source_id of each image in the batch that make_training_dataset gives after `step` steps.

    They are read when somebody asks, so that they cost a training nothing.
    """
    records = _shuffled_records(files, seed, num_examples, step * batch_size).take(batch_size)
    feature = {"image/source_id": tf.io.FixedLenFeature([], tf.string, default_value="(no source_id)")}
    return [
        tf.io.parse_single_example(record, feature)["image/source_id"].numpy().decode(errors="replace")
        for record in records
    ]


def make_eval_dataset(
    files: Sequence[Path],
    preprocess: Callable[[tf.Tensor], tf.Tensor],
    batch_size: int,
    *,
    num_examples: int,
) -> tf.data.Dataset:
    """One pass in file order without augmentation; arguments and elements as in make_training_dataset."""

    def load(record: tf.Tensor) -> tuple[tf.Tensor, Groundtruth]:
        image, boxes, classes = decode_example(record)
        return preprocess(image[tf.newaxis])[0], pad_groundtruth(boxes, classes)

    return (
        _records(_names(files))
        .map(load, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .batch(batch_size)
        .apply(tf.data.experimental.assert_cardinality(math.ceil(num_examples / batch_size)))
        .prefetch(tf.data.AUTOTUNE)
    )


def decode_example(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """One serialised tf.train.Example -> image float32 [h, w, 3] in 0 to 255, boxes [N, 4], classes [N]."""
    features = tf.io.parse_single_example(record, _FEATURES)
    image = tf.io.decode_image(features["image/encoded"], channels=3, expand_animations=False)
    boxes = tf.stack([features[_BBOX + side] for side in ("ymin", "xmin", "ymax", "xmax")], axis=-1)
    return tf.cast(image, tf.float32), boxes, tf.cast(features["image/object/class/label"], tf.int32)


def pad_groundtruth(boxes: tf.Tensor, classes: tf.Tensor) -> Groundtruth:
    """Pads boxes [N, 4] and classes [N] to MAX_BOXES rows with weight 0; more are cut, as the OD API does."""
    boxes, classes = boxes[:MAX_BOXES], classes[:MAX_BOXES]
    missing = MAX_BOXES - tf.shape(boxes)[0]
    return {
        "boxes": tf.ensure_shape(tf.pad(boxes, [[0, missing], [0, 0]]), [MAX_BOXES, 4]),
        "classes": tf.ensure_shape(tf.pad(classes, [[0, missing]]), [MAX_BOXES]),
        "weights": tf.ensure_shape(tf.pad(tf.ones_like(classes, tf.float32), [[0, missing]]), [MAX_BOXES]),
    }


def _names(files: Sequence[Path]) -> tf.Tensor:
    return tf.constant([str(file) for file in sorted(files)], tf.string)


def _shuffled_records(
    files: Sequence[Path], seed: int, num_examples: int, start_example: int
) -> tf.data.Dataset:
    """Serialised records without end, each epoch in an order of its own, from the `start_example`th on."""
    names = _names(files)
    start_epoch, offset = divmod(start_example, num_examples)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([seed, number])
        order = tf.random.experimental.stateless_shuffle(names, seed=epoch_seed)
        blocks = _records(order).batch(_SHUFFLE_BLOCK).enumerate()
        # Not Dataset.shuffle: its order can't be rejoined in the middle of a training.
        return blocks.map(
            lambda index, block: tf.random.experimental.stateless_shuffle(
                block, seed=tf.random.experimental.stateless_fold_in(epoch_seed, index)
            )
        ).prefetch(1)

    return tf.data.Dataset.counter(start=start_epoch).flat_map(epoch).unbatch().skip(offset)


def _records(names: tf.Tensor) -> tf.data.Dataset:
    """Serialised records of the files `names` [F], in that order."""

    def read(name: tf.Tensor) -> tf.data.Dataset:
        # The reader's compression type may be a tensor, so one data set can mix both kinds.
        gzip = tf.strings.regex_full_match(name, r".*\.gz")
        return tf.data.TFRecordDataset(name, compression_type=tf.where(gzip, "GZIP", ""))

    return tf.data.Dataset.from_tensor_slices(names).flat_map(read)
