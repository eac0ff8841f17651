from __future__ import annotations

import gzip
import hashlib

import pytest
import tensorflow as tf

from components.example_gen.shards import shard_count, shard_name, shard_of, shard_writer

MB = 2**20


@pytest.mark.parametrize(
    ("total", "shards"),
    [(0, 1), (1, 1), (8 * MB, 1), (8 * MB + 1, 2), (100 * MB, 13), (256 * MB, 32), (1024 * MB, 32)]
    + [(4096 * MB, 32), (12800 * MB, 100), (12800 * MB + 1, 101)],
)
def test_count_follows_the_bytes(total, shards):
    assert shard_count(total) == shards


def test_a_large_set_has_a_shard_for_each_of_many_workers():
    assert all(shard_count(size * MB) >= 32 for size in range(256, 20_000, 37))
    # about 128 MB: never more, and no less than 120 once there are 128 MB for each of the 32
    sizes = [size * MB / shard_count(size * MB) for size in range(4096, 60_000, 117)]
    assert min(sizes) > 120 * MB and max(sizes) <= 128 * MB


def test_content_spreads_evenly_and_nothing_goes_to_the_first():

    picks = [shard_of(hashlib.sha256(str(i).encode()).hexdigest(), 4) for i in range(4000)]
    assert all(900 < picks.count(shard) < 1100 for shard in range(4))
    assert shard_of("", 4) == 0


@pytest.mark.parametrize("compress", [True, False])
def test_a_shard_is_written_whole(tmp_path, compress):
    path = tmp_path / shard_name("train", 2, 7, compress).split("/")[1]
    with shard_writer(str(path), compress) as write:
        write(b"one" * 100)
        write(b"two")
        assert not path.exists()
    assert path.name == "examples-00002-of-00007.tfrecord" + (".gz" if compress else "")
    kind = "GZIP" if compress else ""
    assert list(tf.data.TFRecordDataset(str(path), kind).as_numpy_iterator()) == [b"one" * 100, b"two"]
    if compress:
        assert gzip.decompress(path.read_bytes())  # what any other reader of gzip takes
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), shard_writer(str(tmp_path / "s"), False) as write:
        write(b"one")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
