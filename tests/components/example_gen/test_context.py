"""What a Context R-CNN remembers goes along with its image, unchanged, or is a reason to set it aside."""

from __future__ import annotations

import math

import pytest
import tensorflow as tf

from components.example_gen.context import check_context
from components.example_gen.encode import examine
from components.example_gen.ingest import Outputs, ingest
from components.example_gen.records import DataOptions
from components.example_gen.remarks import SetAside
from components.example_gen.tfrecord import read_tfrecords
from detection.config.label_map import LabelMap, LabelMapItem

LABELS = LabelMap((LabelMapItem(1, "cat", "cat"),))
ROWS = [0.1, -2.5, 1e-40, 3e38, 0.0, 7.0]


def example(encoded=b"", values=None, length=None, name=b"a.jpg"):
    """Its values may be of any type; nothing is said of what is None."""
    made = tf.train.Example()
    feature = made.features.feature
    feature["image/encoded"].bytes_list.value.append(encoded)
    feature["image/filename"].bytes_list.value.append(name)
    feature["image/format"].bytes_list.value.append(b"jpeg")
    feature["image/object/class/text"].bytes_list.value.append(b"cat")
    for side, value in {"xmin": 0.1, "ymin": 0.2, "xmax": 0.6, "ymax": 0.7}.items():
        feature[f"image/object/bbox/{side}"].float_list.value.append(value)
    if isinstance(values, list):
        feature["image/context_features"].float_list.value.extend(values)
    elif values is not None:
        feature["image/context_features"].bytes_list.value.append(values)
    if length is not None:
        feature["image/context_feature_length"].int64_list.value.extend(length)
    return made.SerializeToString()


def write(file, *examples, options=None):
    with tf.io.TFRecordWriter(str(file), options) as writer:
        for one in examples:
            writer.write(one)
    return [str(file)]


@pytest.mark.parametrize("max_side", [None, 32], ids=["as it is", "of a smaller image"])
def test_rows_are_written_bit_by_bit(tmp_path, jpeg, max_side):
    (record,) = read_tfrecords(write(tmp_path / "x.record", example(jpeg(1), ROWS, [3])), "train")
    outcome = examine(record, DataOptions(train="x", label_map="y", max_side=max_side), LABELS)
    feature = tf.train.Example.FromString(outcome.example).features.feature
    given = tf.train.Example.FromString(example(values=ROWS)).features.feature["image/context_features"]
    assert feature["image/context_features"] == given
    assert feature["image/context_feature_length"].int64_list.value[:] == [3]
    assert max(outcome.size) == (max_side or 100)


def test_an_example_without_rows_has_no_context(tmp_path, jpeg):
    files = write(tmp_path / "x.record", example(jpeg(1)), example(jpeg(2), [], [3]))
    for record in read_tfrecords(files, "train"):
        outcome = examine(record, DataOptions(train="x", label_map="y"), LABELS)
        assert outcome.findings == []
        assert b"context" not in outcome.example


@pytest.mark.parametrize(
    ("values", "length", "detail"),
    [
        (ROWS, [4], "6 values make no rows of 4"),
        (ROWS, None, "image/context_feature_length is 0 numbers, for 6 values"),
        (ROWS, [3, 3], "image/context_feature_length is 2 numbers, for 6 values"),
        (ROWS, [0], "image/context_feature_length is 0, for 6 values"),
        (ROWS, [-3], "image/context_feature_length is -3, for 6 values"),
        ([*ROWS[:4], math.nan, math.inf], [3], "2 of 6 values are not finite"),
        (b"bfloat16", [3], "image/context_features are no float numbers"),
    ],
)
def test_what_is_no_memory_is_set_aside(values, length, detail):
    with pytest.raises(SetAside) as raised:
        check_context(example(values=values, length=length))
    assert (raised.value.remark.code, raised.value.remark.detail) == ("DATA036", detail)


@pytest.mark.parametrize("kind", ["plain", "gzip"])
def test_a_whole_data_set(tmp_path, jpeg, kind):
    rows = {f"{i}.jpg": [float(i), i + 0.5] for i in range(6)}
    examples = [example(jpeg(i), rows[f"{i}.jpg"], [2], b"%d.jpg" % i) for i in range(6)]
    bad = example(jpeg(9), [1.0], [2], b"bad.jpg")
    options = "GZIP" if kind == "gzip" else None
    files = write(tmp_path / "train.record", *examples[:4], bad, options=options)
    write(tmp_path / "val.record", *examples[4:], example(jpeg(8), name=b"none.jpg"), options=options)
    data = {
        "train": files,
        "eval": str(tmp_path / "val.record"),
        "label_map": "x",
        "max_quarantined": 0.5,
    }
    written = []
    for attempt in ("one", "two"):
        folders = [str(tmp_path / attempt / name) for name in ("examples", "quarantine", "stats", "schema")]
        statistics = ingest(data, LABELS, Outputs(*folders))
        assert statistics.splits["train"].findings_by_code == {"DATA036": 1}
        assert {name: one.images_written for name, one in statistics.splits.items()} == {
            "train": 4,
            "eval": 3,
        }
        shards = sorted((tmp_path / attempt / "examples").rglob("*.tfrecord"))
        written.append([shard.read_bytes() for shard in shards])
    assert written[0] == written[1]
    found = {}
    for data in tf.data.TFRecordDataset([str(shard) for shard in shards]).as_numpy_iterator():
        feature = tf.train.Example.FromString(data).features.feature
        name = feature["image/filename"].bytes_list.value[0].decode()
        found[name] = feature["image/context_features"].float_list.value[:]
    assert found == rows | {"none.jpg": []}
