"""How many shards a split has, which one an image belongs to, and how one is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from components.example_gen.outputs import whole_file
from components.example_gen.tfrecord_framing import framed

SHARD_BYTES = 128 * 2**20
SMALL_SHARD_BYTES = 8 * 2**20
PARALLEL_SHARDS = 32
# Huffman coding only: it packs the text around an image. A JPEG or PNG is packed already; looking for
# repetitions in it costs four times the time and saves 1 % (benchmarks/example_gen).
_HUFFMAN_ONLY = 2
# TensorFlow's writer has a buffer for what is compressed only. Without one, each image is written by itself,
# which costs half as much again.
_BUFFER = 1 << 20


def shard_count(total_bytes: int) -> int:
    """Number of shards for so many bytes of images: of 128 MB, or smaller ones until there are 32 of 8 MB.

    It depends on the bytes alone. The number of workers doesn't count, or another machine would write other
    files from the same images; a set of 4 GB and more gives every 128 MB a worker of its own.
    """
    shard_bytes = min(SHARD_BYTES, max(SMALL_SHARD_BYTES, total_bytes // PARALLEL_SHARDS))
    return max(1, -(-total_bytes // shard_bytes))


def shard_of(sha256: str, count: int) -> int:
    """The shard of an image, from the hash of its content; 0 for what has no content."""
    return int(sha256[-8:], 16) % count if sha256 else 0


def shard_name(split: str, index: int, count: int, compress: bool) -> str:
    """The shard's file below the Examples, in TFX's layout."""
    suffix = ".tfrecord.gz" if compress else ".tfrecord"
    return f"Split-{split}/examples-{index:05d}-of-{count:05d}{suffix}"


@contextmanager
def shard_writer(path: str, compress: bool) -> Iterator[Callable[[bytes], None]]:
    """A function that appends a record to the shard; the file is there, whole, when the block has ended."""
    with whole_file(path) as partial:
        if compress:
            options = tf.io.TFRecordOptions("GZIP", compression_strategy=_HUFFMAN_ONLY)
            with tf.io.TFRecordWriter(partial, options) as writer:
                yield writer.write
            return
        with open(partial, "wb", buffering=_BUFFER) as stream:
            yield lambda data: stream.writelines(framed(data))
