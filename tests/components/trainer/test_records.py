"""Records come block by block in the order that seed, epoch and block say, wherever reading begins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.records import names_of, read_records, shuffled_records

RECORDS, BLOCK, SEED = 11, 4, 3


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"]
    for path, numbers in zip(paths, (range(6), range(6, RECORDS)), strict=True):
        with tf.io.TFRecordWriter(str(path)) as writer:
            for number in numbers:
                writer.write(b"record %d" % number)
    return paths


def epoch(files: list[Path], number: int) -> list[bytes]:
    """One epoch by the definition: the files shuffled, then each block of their records."""
    shuffle = tf.random.experimental.stateless_shuffle
    seed = tf.constant([SEED, number], tf.int64)
    records = tf.constant(list(read_records(shuffle(names_of(files), seed=seed)).as_numpy_iterator()))
    blocks = [
        shuffle(block, seed=tf.random.experimental.stateless_fold_in(seed, index))
        for index, block in tf.data.Dataset.from_tensor_slices(records).batch(BLOCK).enumerate()
    ]
    return [bytes(record) for record in np.concatenate(blocks)]


@pytest.mark.parametrize("start", [0, 5, RECORDS + 6])
def test_the_order_is_that_of_each_block_shuffled(files: list[Path], start: int) -> None:
    wanted = [record for number in range(4) for record in epoch(files, number)]
    found = shuffled_records(files, SEED, RECORDS, start, BLOCK).take(2 * RECORDS)
    assert [block[place] for block, place in found.as_numpy_iterator()] == wanted[start : start + 2 * RECORDS]
    assert sorted(wanted[:RECORDS]) == sorted(wanted[RECORDS : 2 * RECORDS]) != wanted[:RECORDS]
