"""TFRecords of the OD API schema: in which order they are read, and what is in one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from detection.augment_encoded import EncodedImage
from detection.augment_example import Example
from detection.context import RECORD_FEATURES, ContextShape, Tensors, context_of

ENCODED, LABEL, MASK = "image/encoded", "image/object/class/label", "image/object/mask"
SIDES = tuple(f"image/object/bbox/{side}" for side in ("ymin", "xmin", "ymax", "xmax"))
SOURCE_ID = {"image/source_id": tf.io.FixedLenFeature([], tf.string, default_value="(no source_id)")}

_SHUFFLE_BLOCK = 1024  # records that are read and shuffled at a time
_BLOCK_BYTES = 2**30  # of their memories: that of one image may be 16 MB


def object_features(masks: bool) -> dict[str, tf.io.RaggedFeature]:
    """The features that have a value for each object; `masks` says whether masks are among them."""
    features = {side: tf.io.RaggedFeature(tf.float32) for side in SIDES}
    features[LABEL] = tf.io.RaggedFeature(tf.int64)
    return features | ({MASK: tf.io.RaggedFeature(tf.string)} if masks else {})


def read_example(record: tf.Tensor, masks: bool = False) -> Example:
    """One serialised tf.train.Example with its objects, its image not decoded yet.

    Masks are PNG files, as the OD API's decoder takes them with mask_type PNG_MASKS; only if `masks` says so
    are they decoded.
    """
    features = tf.io.parse_single_example(
        record, {ENCODED: tf.io.FixedLenFeature([], tf.string), **object_features(masks)}
    )
    image = EncodedImage.of(features[ENCODED])
    return Example(
        image,
        tf.stack([features[side] for side in SIDES], axis=-1),
        tf.cast(features[LABEL], tf.int32),
        _decode_masks(features[MASK], image.size) if masks else None,
    )


def read_context(record: tf.Tensor, shape: ContextShape) -> Tensors:
    """The memory in one serialised tf.train.Example: see context_of."""
    return context_of(tf.io.parse_single_example(record, RECORD_FEATURES), shape)


def _decode_masks(encoded: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """PNG files, string [N] -> float32 [N, h, w], 1 where a file's value is not 0; `size` is (h, w)."""

    def decoded() -> tf.Tensor:
        masks = tf.map_fn(
            lambda png: tf.io.decode_png(png, channels=1)[..., 0],
            encoded,
            fn_output_signature=tf.TensorSpec([None, None], tf.uint8),
        )
        tf.debugging.assert_equal(tf.shape(masks)[1:], size, "a mask has not its image's size")
        return masks

    nothing = tf.zeros(tf.concat([[0], size], axis=0), tf.uint8)
    return tf.cast(tf.cond(tf.size(encoded) > 0, decoded, lambda: nothing) > 0, tf.float32)


def shuffle_block(context: ContextShape | None) -> int:
    """How many records are held in memory to be shuffled: fewer where each has a large memory."""
    if context is None:
        return _SHUFFLE_BLOCK
    return max(1, min(_SHUFFLE_BLOCK, _BLOCK_BYTES // (4 * context.size * context.length)))


def shuffled_records(
    files: Sequence[Path], seed: int, num_examples: int, start_example: int, block: int = _SHUFFLE_BLOCK
) -> tf.data.Dataset:
    """Serialised records without end, each epoch in an order of its own, from the `start_example`th on.

    Each is given as a block of them, string [N], and its place there, int32. Whoever reads it takes it out: a
    function of its own for that would cost more than copying the record does.

    `block`, from shuffle_block, is a part of what the order follows from.
    """
    names = names_of(files)
    start_epoch, offset = divmod(start_example, num_examples)

    def epoch(number: tf.Tensor) -> tf.data.Dataset:
        epoch_seed = tf.stack([seed, number])
        order = tf.random.experimental.stateless_shuffle(names, seed=epoch_seed)
        blocks = read_records(order).batch(block).enumerate().prefetch(1)

        # Not Dataset.shuffle: its order can't be rejoined in the middle of a training.
        def places(index: tf.Tensor, records: tf.Tensor) -> tf.data.Dataset:
            seed = tf.random.experimental.stateless_fold_in(epoch_seed, index)
            order = tf.random.experimental.stateless_shuffle(tf.range(tf.size(records)), seed=seed)
            every = tf.data.Dataset.from_tensors(records).repeat()
            return tf.data.Dataset.zip(every, tf.data.Dataset.from_tensor_slices(order))

        return blocks.flat_map(places)

    return tf.data.Dataset.counter(start=start_epoch).flat_map(epoch).skip(offset)


def read_records(names: tf.Tensor) -> tf.data.Dataset:
    """Serialised records of the files `names` [F], in that order; gzip where the name ends in .gz."""

    def read(name: tf.Tensor) -> tf.data.Dataset:
        # The reader's compression type may be a tensor, so one data set can mix both kinds.
        gzip = tf.strings.regex_full_match(name, r".*\.gz")
        return tf.data.TFRecordDataset(name, compression_type=tf.where(gzip, "GZIP", ""))

    return tf.data.Dataset.from_tensor_slices(names).flat_map(read)


def names_of(files: Sequence[Path]) -> tf.Tensor:
    """The files' names in order, string [F]."""
    return tf.constant([str(file) for file in sorted(files)], tf.string)
