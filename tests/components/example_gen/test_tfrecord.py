from __future__ import annotations

import gzip
import math
from dataclasses import replace

import pytest
import tensorflow as tf

from components.example_gen.read import read_split, resolve
from components.example_gen.tfrecord import is_tfrecord, read_tfrecords
from detection.errors import BadInput

CORNERS = {"xmin": 0.1, "ymin": 0.2, "xmax": 0.3, "ymax": 0.4}


def feature(values):
    if isinstance(values[0], bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
    if isinstance(values[0], int):
        return tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def example(encoded=b"pixels", boxes=2, without=(), **more):
    features = {
        "image/encoded": [encoded],
        "image/filename": [b"a.jpg"],
        "image/format": [b"jpeg"],
        "image/width": [100],
        "image/height": [80],
        "image/object/class/text": [b"cat", b"dog"][:boxes],
        "image/object/class/label": [1, 2][:boxes],
    }
    features |= {f"image/object/bbox/{k}": [v] * boxes for k, v in CORNERS.items()}
    features |= {key.replace("__", "/"): value for key, value in more.items()}
    kept = {k: feature(v) if v else tf.train.Feature() for k, v in features.items() if k not in without}
    return tf.train.Example(features=tf.train.Features(feature=kept)).SerializeToString()


def write(file, *examples, options=None):
    with tf.io.TFRecordWriter(str(file), options=options) as writer:
        for one in examples:
            writer.write(one)
    return [str(file)]


@pytest.mark.parametrize("options", [None, "GZIP"])
def test_an_example_of_the_api(tmp_path, jpeg, options):
    files = write(tmp_path / "x.record", example(jpeg(1)), example(jpeg(2), boxes=0), options=options)
    first, second = read_tfrecords(files, "train")
    assert (first.name, first.split, first.width, first.height) == ("a.jpg", "train", 100, 80)
    assert first.shares and first.frame == (1, 1) and first.stated_format == "jpeg"
    assert first.source.compressed == (options == "GZIP")
    assert (first.source.read(), second.source.read()) == (jpeg(1), jpeg(2))
    assert [(b.place, b.label, b.label_id) for b in first.boxes] == [
        ("object 1", "cat", 1),
        ("object 2", "dog", 2),
    ]
    box = first.boxes[0]
    assert (box.xmin, box.ymin, box.xmax, box.ymax) == pytest.approx(tuple(CORNERS.values()))
    assert second.boxes == () and second.problem is None and second.annotation == files[0]


def test_without_text_or_without_label(tmp_path):
    text, label = "image/object/class/text", "image/object/class/label"
    files = write(tmp_path / "x.record", *(example(without=w) for w in ([text], [label], [text, label])))
    found = [[(b.label, b.label_id) for b in record.boxes] for record in read_tfrecords(files, "")]
    assert found == [[("", 1), ("", 2)], [("cat", None), ("dog", None)], [("", None)] * 2]


def test_what_else_it_may_say(tmp_path):
    more = {
        "image__object__difficult": [1, 0],
        "image__object__truncated": [0, 1],
        "image__object__group_of": [0, 1],
        "image__object__is_crowd": [1, 0],
        "image__object__mask": [b"png 1", b"png 2"],
    }
    files = write(tmp_path / "x.record", example(**more))
    first, second = read_tfrecords(files, "", masks=True)[0].boxes
    assert (first.difficult, first.truncated, first.crowd, first.mask) == (True, False, True, b"png 1")
    assert (second.difficult, second.truncated, second.crowd, second.mask) == (False, True, True, b"png 2")
    assert read_tfrecords(files, "")[0].boxes[0].mask is None


@pytest.mark.parametrize("options", [None, "GZIP"])
def test_context_features_stay_in_the_file(tmp_path, options):
    rows = {"image__context_features": [0.5, 1.5], "image__context_feature_length": [2]}
    no_row = tf.train.Example.FromString(example(**{"image__context_feature_length": [2]}))
    no_row.features.feature["image/context_features"].float_list.SetInParent()
    examples = example(**rows), example(**{"image__context_features": []}), no_row.SerializeToString()
    first, *others = read_tfrecords(write(tmp_path / "x.record", *examples, options=options), "")
    assert [record.context for record in others] == [None, None]
    offset, length, row_length = first.context
    assert row_length == 2
    assert replace(first.source, offset=offset, length=length).read() == examples[0]


def test_missing_names_sizes_and_formats(tmp_path):
    without = ["image/filename", "image/format", "image/width", "image/height"]
    files = write(tmp_path / "x.record", example(without=without), example(without=without))
    first, second = read_tfrecords(files, "")
    assert (first.name, second.name) == ("x.record record 1", "x.record record 2")
    assert (first.width, first.height, first.stated_format) == (0, 0, "")
    (record,) = read_tfrecords(
        write(tmp_path / "y.record", example(without=without, image__source_id=[b"7"])), ""
    )
    assert record.name == "7"


def test_lists_that_do_not_fit_together(tmp_path):
    corners = example(**{"image__object__bbox__xmin": [0.1]})
    texts = example(**{"image__object__class__text": [b"cat"]})
    one, two = read_tfrecords(write(tmp_path / "x.record", corners, texts), "")
    assert one.problem.code == "DATA013" and "xmin 1, ymin 2" in one.problem.detail
    assert [(b.label, b.label_id) for b in two.boxes] == [("", 1), ("", 2)]
    (note,) = two.notes
    assert (note.code, note.action) == (
        "DATA013",
        "ignored",
    ) and "1 image/object/class/text for 2" in note.detail


def test_a_corner_that_is_no_number(tmp_path):
    files = write(tmp_path / "x.record", example(**{"image__object__bbox__xmin": [math.nan, math.inf]}))
    assert math.isnan(read_tfrecords(files, "")[0].boxes[0].xmin)


@pytest.mark.parametrize("value", [[b"x"] * 2, [1, 2]], ids=["text", "whole numbers"])
def test_corners_of_another_type(tmp_path, value):
    (record,) = read_tfrecords(
        write(tmp_path / "x.record", example(**{"image__object__bbox__xmin": value})), ""
    )
    assert len(record.boxes) == 2 and math.isnan(record.boxes[0].xmin) == (value == [b"x"] * 2)


def test_damage_costs_only_the_record_it_touches(tmp_path, jpeg):
    (file,) = write(tmp_path / "x.record", *(example(jpeg(i), image__filename=[b"%d" % i]) for i in range(4)))
    data = bytearray((tmp_path / "x.record").read_bytes())
    place = data.index(jpeg(2)) + 500
    data[place] ^= 0xFF
    (tmp_path / "x.record").write_bytes(data)
    records = read_tfrecords([file], "")
    assert [r.name for r in records] == ["0", "1", "x.record record 3", "3"]
    assert records[2].problem.code == "DATA025" and records[2].source is None
    assert records[3].source.read() == jpeg(3)


def test_a_gzip_file_that_is_cut_off(tmp_path, jpeg):
    (file,) = write(tmp_path / "x.record.gz", *(example(jpeg(i)) for i in range(3)), options="GZIP")
    data = (tmp_path / "x.record.gz").read_bytes()
    (tmp_path / "x.record.gz").write_bytes(data[: len(data) // 2])
    records = read_tfrecords([file], "")
    assert records[0].source.read() == jpeg(0)
    assert [r.problem.code for r in records if r.problem][-1] == "DATA025"
    assert "the gzip file is cut off: what follows in x.record.gz" in records[-1].problem.detail


def test_a_record_that_is_no_example(tmp_path):
    records = read_tfrecords(
        write(tmp_path / "x.record", example(), b"\xff\xff", example(without=["image/encoded"])), ""
    )
    assert [r.problem and r.problem.code for r in records] == [None, "DATA013", "DATA013"]
    assert "no image/encoded" in records[2].problem.detail


def test_other_features_are_refused_by_name(tmp_path):
    files = write(tmp_path / "x.record", example(without=["image/encoded"], image=[b"x"]))
    with pytest.raises(BadInput, match="no feature image/encoded") as caught:
        read_tfrecords(files, "")
    assert "these have image," in caught.value.fix


def test_a_file_that_is_no_tfrecord(tmp_path):
    (tmp_path / "x.record").write_bytes(b"not a record at all, but quite long")
    for data in ((tmp_path / "x.record").read_bytes(), gzip.compress(b"no record")):
        (tmp_path / "x.record").write_bytes(data)
        with pytest.raises(BadInput, match="this is no TFRecord"):
            read_tfrecords([str(tmp_path / "x.record")], "")


@pytest.mark.parametrize(
    "name",
    [
        "x.record",
        "x.records",
        "x.tfrecord",
        "x.TFRecords",
        "x.tf_record",
        "x.record-00000-of-00010",
        "train-00000-of-00010",
        "examples-00000-of-00002.tfrecord.gz",
        "examples-00000-of-00002.gz",
    ],
)
def test_names_of_tfrecords(name):
    assert is_tfrecord(f"/a/{name}")


@pytest.mark.parametrize("name", ["record.txt", "a.jpg", "x.recording", "records/a.xml", "x.csv"])
def test_names_of_other_files(name):
    assert not is_tfrecord(name)


def test_shards_of_a_pattern_and_two_examples_with_one_name(tmp_path, jpeg):
    for number in range(2):
        write(tmp_path / f"x.record-0000{number}-of-00002", example(jpeg(number)))
    for path in (tmp_path, tmp_path / "x.record-?????-of-00002"):
        records = read_split(path, "auto", "")
        assert [r.source.read() for r in records] == [jpeg(0), jpeg(1)]


def test_the_splits_that_file_names_state(tmp_path, jpeg):
    for name in ("pets_train.record-00000-of-00001", "pets_val.record-00000-of-00001"):
        write(tmp_path / name, example(jpeg()))
    options = resolve({"train": tmp_path, "label_map": "/l"})
    assert options.train == (f"{tmp_path}/pets_train.record-00000-of-00001",)
    assert options.eval == (f"{tmp_path}/pets_val.record-00000-of-00001",)
