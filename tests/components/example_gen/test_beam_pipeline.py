from __future__ import annotations

import hashlib
import json
import random

import pytest
import tensorflow as tf

from components.example_gen import beam_pipeline
from components.example_gen.beam_pipeline import shard_counts, write_examples
from components.example_gen.read import read_dataset
from components.example_gen.records import as_options


def digests(folder):
    return {
        f.relative_to(folder).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in folder.rglob("*.gz")
    }


@pytest.fixture
def many(voc_data):
    for i in range(24):
        voc_data.add("train", f"{i:02d}")
    return voc_data


def test_bytes_do_not_depend_on_workers_or_order(many, monkeypatch):
    monkeypatch.setattr(beam_pipeline, "SHARD_BYTES", 30_000)
    options = as_options(many.options(eval_fraction=0.3))
    records = read_dataset(options)
    shuffled = random.Random(1).sample(records, len(records))
    threads = ["--runner=FnApiRunner", "--direct_running_mode=multi_threading", "--direct_num_workers=3"]
    one, two = many.root / "one", many.root / "two"
    write_examples(records, options, many.label_map, one, one / "report.jsonl")
    write_examples(shuffled, options, many.label_map, two, two / "report.jsonl", threads)
    assert digests(one) == digests(two)
    assert (one / "report.jsonl").read_text() == (two / "report.jsonl").read_text()
    shards = shard_counts(records, 0.3)
    assert shards["train"] >= 3
    assert len(digests(one)) == sum(shards.values())
    assert not list(one.rglob("*.partial"))

    names = []
    for file in sorted(one.rglob("*.gz")):
        assert file.name.endswith(f"-of-{shards[file.parent.name.removeprefix('Split-')]:05d}.tfrecord.gz")
        for raw in tf.data.TFRecordDataset(str(file), compression_type="GZIP").as_numpy_iterator():
            feature = tf.train.Example.FromString(raw).features.feature
            names.append(feature["image/filename"].bytes_list.value[0].decode())
    assert sorted(names) == [f"{i:02d}.jpg" for i in range(24)]


def test_a_shard_without_an_image_is_a_file_too(voc_data, monkeypatch):
    monkeypatch.setattr(beam_pipeline, "SHARD_BYTES", 1000)  # more shards than images
    voc_data.add("train", "a")
    voc_data.add("eval", "b")
    options = as_options(voc_data.options())
    records = read_dataset(options)
    write_examples(records, options, voc_data.label_map, voc_data.root / "out", voc_data.root / "r.jsonl")
    shards = shard_counts(records, 0.2)
    assert shards["train"] > 3
    assert len(digests(voc_data.root / "out")) == sum(shards.values())
    rows = [json.loads(line) for line in (voc_data.root / "r.jsonl").read_text().splitlines()]
    assert sum(row["images"] for row in rows if "shard" in row) == 2
