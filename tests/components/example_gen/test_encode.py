from __future__ import annotations

import hashlib

import numpy as np
import pytest
import tensorflow as tf

from components.example_gen.encode import examine, split_of
from components.example_gen.records import BoxRecord, DataOptions, ImageRecord
from detection.config.label_map import LabelMap, LabelMapItem

LABELS = LabelMap((LabelMapItem(1, "cat", "cat"), LabelMapItem(2, "dog", "dog")))


@pytest.fixture
def options(tmp_path):
    return DataOptions(train=tmp_path, label_map=tmp_path / "x.pbtxt")


def image_record(tmp_path, data, *boxes, **more):
    file = tmp_path / "a.jpg"
    file.write_bytes(data)
    made = tuple(BoxRecord(f"object {i}", *box) for i, box in enumerate(boxes, 1))
    return ImageRecord("train", "a.jpg", file, tmp_path / "a.xml", made, **more)


def test_writes_the_features_of_the_od_api(tmp_path, options, jpeg):
    data = jpeg()
    record = image_record(tmp_path, data, ("dog", 10, 20, 50, 60), ("cat", 0, 0, 100, 80))
    outcome = examine(record, options, LABELS)
    feature = tf.train.Example.FromString(outcome.example).features.feature
    assert feature["image/encoded"].bytes_list.value[0] == data
    assert feature["image/format"].bytes_list.value[0] == b"jpeg"
    assert feature["image/filename"].bytes_list.value[0] == b"a.jpg"
    assert feature["image/source_id"].bytes_list.value[0] == b"a.jpg"
    assert feature["image/key/sha256"].bytes_list.value[0].decode() == hashlib.sha256(data).hexdigest()
    assert feature["image/height"].int64_list.value[:] == [80]
    assert feature["image/width"].int64_list.value[:] == [100]
    assert feature["image/object/class/label"].int64_list.value[:] == [2, 1]
    assert feature["image/object/class/text"].bytes_list.value[:] == [b"dog", b"cat"]
    for name, values in {"xmin": [0.1, 0], "ymin": [0.25, 0], "xmax": [0.5, 1], "ymax": [0.75, 1]}.items():
        np.testing.assert_allclose(feature[f"image/object/bbox/{name}"].float_list.value, values, rtol=1e-6)
    assert outcome.labels == {"dog": 1, "cat": 1} and outcome.findings == []


def test_every_box_unusable_sets_the_image_aside(tmp_path, options, jpeg):
    record = image_record(tmp_path, jpeg(), ("bird", 10, 20, 50, 60))
    outcome = examine(record, options, LABELS)
    assert outcome.example is None
    assert [f.code for f in outcome.findings] == ["DATA010", "DATA015"]


def test_no_annotation_is_a_negative(tmp_path, options, jpeg):
    record = image_record(tmp_path, jpeg())
    bare = ImageRecord("train", "a.jpg", record.image, None)
    outcome = examine(bare, options, LABELS)
    assert outcome.example is not None
    assert [(f.code, f.action) for f in outcome.findings] == [("DATA003", "kept")]
    assert examine(record, options, LABELS).findings == []  # an XML without objects says so on purpose


def test_what_cannot_be_used(tmp_path, options, jpeg):
    def codes(record):
        outcome = examine(record, options, LABELS)
        assert outcome.example is None
        return [f.code for f in outcome.findings]

    box = ("cat", 10, 20, 50, 60)
    assert codes(image_record(tmp_path, jpeg()[:500], box)) == ["DATA001"]
    assert codes(ImageRecord("train", "x.xml", None, tmp_path / "x.xml")) == ["DATA002"]
    assert codes(ImageRecord("train", "x.jpg", tmp_path / "gone.jpg", None)) == ["DATA001"]
    assert codes(image_record(tmp_path, jpeg(), box, width=300, height=80)) == ["DATA004"]


def test_boxes_drawn_on_stored_pixels_are_turned_with_them(tmp_path, options, jpeg):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(exif=exif)  # 100x80 stored, 80x100 upright
    record = image_record(tmp_path, data, ("cat", 10, 20, 50, 60), width=100, height=80)
    feature = tf.train.Example.FromString(examine(record, options, LABELS).example).features.feature
    assert feature["image/width"].int64_list.value[:] == [80]
    corners = [
        feature[f"image/object/bbox/{k}"].float_list.value[0] for k in ("ymin", "xmin", "ymax", "xmax")
    ]
    np.testing.assert_allclose(corners, [0.1, 0.25, 0.5, 0.75], rtol=1e-6)
    assert tf.io.decode_jpeg(feature["image/encoded"].bytes_list.value[0]).shape == (100, 80, 3)


def test_split_by_content_is_stable_and_of_the_wanted_size():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(4000)]
    splits = [split_of(digest, 0.2) for digest in digests]
    assert 0.18 < splits.count("eval") / 4000 < 0.22
    wider = [split_of(digest, 0.3) for digest in digests]
    assert all(w == "eval" for s, w in zip(splits, wider, strict=True) if s == "eval")
