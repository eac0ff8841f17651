from __future__ import annotations

import errno
import hashlib
import io
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.example_gen import file_systems
from components.example_gen.encode import examine, split_of
from components.example_gen.records import BoxRecord, DataOptions, Finding, ImageRecord
from components.example_gen.sources import FileSource, RecordSource
from detection.config.label_map import LabelMap, LabelMapItem
from detection.errors import Failed

LABELS = LabelMap((LabelMapItem(1, "cat", "cat"), LabelMapItem(2, "dog", "dog")))
OPTIONS = DataOptions(train="x", label_map="y")
BOX = ("cat", 10, 20, 50, 60)


@pytest.fixture
def record_of(tmp_path):
    def record_of(data, *boxes, name="a.jpg", **more):
        file = tmp_path / "image"
        file.write_bytes(data)
        made = tuple(BoxRecord(f"object {i}", *box) for i, box in enumerate(boxes, 1))
        return ImageRecord("train", name, FileSource(str(file)), str(tmp_path / "a.xml"), made, **more)

    return record_of


def look(record, **options):
    """The outcome, its findings in short, and the example's features."""
    outcome = examine(record, OPTIONS.model_copy(update=options), LABELS)
    example = tf.train.Example.FromString(outcome.example) if outcome.example is not None else None
    return outcome, [(f.code, f.action) for f in outcome.findings], example and example.features.feature


def png_of(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def test_writes_the_features_of_the_od_api(record_of, jpeg):
    data = jpeg()
    record = record_of(data, ("dog", 10, 20, 50, 60), ("cat", 0, 0, 100, 60))
    outcome, findings, feature = look(record)
    assert feature["image/encoded"].bytes_list.value[0] == data
    assert feature["image/format"].bytes_list.value[0] == b"jpeg"
    assert feature["image/filename"].bytes_list.value[0] == b"a.jpg"
    assert feature["image/source_id"].bytes_list.value[0] == b"a.jpg"
    assert feature["image/key/sha256"].bytes_list.value[0].decode() == hashlib.sha256(data).hexdigest()
    assert feature["image/height"].int64_list.value[:] == [80]
    assert feature["image/width"].int64_list.value[:] == [100]
    assert feature["image/object/class/label"].int64_list.value[:] == [2, 1]
    assert feature["image/object/class/text"].bytes_list.value[:] == [b"dog", b"cat"]
    for name, values in {"xmin": [0.1, 0], "ymin": [0.25, 0], "xmax": [0.5, 1], "ymax": [0.75, 0.75]}.items():
        np.testing.assert_allclose(feature[f"image/object/bbox/{name}"].float_list.value, values, rtol=1e-6)
    assert "image/object/mask" not in feature
    assert findings == [] and outcome.boxes_read == 2 and outcome.size == (100, 80)
    assert [box.label for box in outcome.boxes] == ["dog", "cat"]
    assert outcome.row() == {
        "split": "train",
        "name": "a.jpg",
        "sha256": hashlib.sha256(data).hexdigest(),
        "findings": [],
        "written": True,
    }


def test_a_converted_image_has_the_hash_of_what_is_written(record_of, jpeg):
    data = jpeg(mode="CMYK")
    outcome, findings, feature = look(record_of(data, BOX))
    written = feature["image/encoded"].bytes_list.value[0]
    assert written != data and findings == [("DATA012", "converted")]
    assert feature["image/key/sha256"].bytes_list.value[0].decode() == hashlib.sha256(written).hexdigest()
    assert outcome.sha256 == hashlib.sha256(data).hexdigest()


def test_every_box_unusable_sets_the_image_aside(record_of, jpeg):
    outcome, findings, _ = look(record_of(jpeg(), ("bird", 10, 20, 50, 60)))
    assert outcome.example is None and outcome.size == (0, 0)
    assert findings == [("DATA010", "quarantined"), ("DATA015", "quarantined")]


def test_an_image_of_crowds_only_is_left_out(record_of, jpeg):
    record = record_of(jpeg(), BOX)
    record = record._replace(boxes=(record.boxes[0]._replace(crowd=True),))
    outcome, findings, _ = look(record)
    assert outcome.example is None and findings == [("DATA030", "left out"), ("DATA015", "left out")]


def test_no_annotation_is_a_negative(record_of, jpeg):
    record = record_of(jpeg())
    outcome, findings, _ = look(record._replace(annotation=None))
    assert outcome.example is not None and findings == [("DATA003", "kept")]
    assert look(record)[1] == []  # an XML without objects says so on purpose


def test_negatives_are_left_out_where_the_options_say_so(record_of, jpeg):
    for record in (record_of(jpeg()), record_of(jpeg())._replace(annotation=None)):
        outcome, findings, _ = look(record, negatives=False)
        assert outcome.example is None and findings == [("DATA027", "left out")]
    assert look(record_of(jpeg(), BOX), negatives=False)[0].example is not None


def test_what_cannot_be_used(record_of, jpeg):
    lost = record_of(jpeg(), BOX)._replace(source=None)
    gone = lost._replace(source=FileSource("/there/is/no/such.jpg"))
    outcome, findings, _ = look(lost)
    assert findings == [("DATA002", "quarantined")] and outcome.sha256 == "" and outcome.split == "train"
    assert look(gone)[1] == [("DATA001", "quarantined")]
    assert "No such file" in look(gone)[0].findings[0].detail
    assert look(record_of(jpeg()[:500], BOX))[1] == [("DATA001", "quarantined")]
    assert look(record_of(jpeg(), BOX, width=300, height=80))[1] == [("DATA004", "quarantined")]


def test_a_disk_or_network_that_fails_is_no_fault_of_the_data(record_of, jpeg, monkeypatch):
    record = record_of(jpeg(), BOX)

    def fails(path):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(file_systems, "read_bytes", fails)
    with pytest.raises(Failed, match="Input/output error"):
        look(record)

    def fails_there(path):
        raise OSError("503 Service Unavailable")

    monkeypatch.setattr(file_systems, "read_bytes", fails_there)
    with pytest.raises(Failed, match="503"):
        look(record._replace(source=FileSource("gs://bucket/a.jpg")))
    assert look(record._replace(source=RecordSource(__file__, 10**9, 5)))[1] == [("DATA001", "quarantined")]


def test_a_readers_problem_sets_the_image_aside_and_its_notes_do_not(record_of, jpeg):
    problem = Finding("a.jpg", None, "DATA013", "quarantined", "no XML")
    note = Finding("data.yaml", None, "DATA029", "ignored", "no folder test")
    outcome, findings, _ = look(record_of(jpeg(), BOX, problem=problem, notes=(note,)))
    assert outcome.example is None and outcome.findings == [note, problem]
    outcome, findings, _ = look(record_of(jpeg(), BOX, notes=(note,)))
    assert outcome.example is not None and outcome.findings == [note]


def test_boxes_drawn_on_stored_pixels_are_turned_with_them(record_of, jpeg):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(exif=exif)  # 100x80 stored, 80x100 upright
    _, findings, feature = look(record_of(data, BOX, width=100, height=80))
    assert findings == [("DATA005", "turned")]
    assert feature["image/width"].int64_list.value[:] == [80]
    corners = [
        feature[f"image/object/bbox/{k}"].float_list.value[0] for k in ("ymin", "xmin", "ymax", "xmax")
    ]
    np.testing.assert_allclose(corners, [0.1, 0.25, 0.5, 0.75], rtol=1e-6)
    assert tf.io.decode_jpeg(feature["image/encoded"].bytes_list.value[0]).shape == (100, 80, 3)


def test_masks_turn_and_scale_with_the_image(record_of, jpeg):
    exif = Image.Exif()
    exif[0x0112] = 6
    mask = Image.new("L", (100, 80))
    mask.paste(255, (10, 20, 50, 60))
    record = record_of(jpeg(exif=exif), BOX, width=100, height=80)
    record = record._replace(boxes=(record.boxes[0]._replace(mask=png_of(mask)),))
    _, findings, feature = look(record, masks=True, max_side=50)
    assert [code for code, _ in findings] == ["DATA005", "DATA017"]
    assert feature["image/height"].int64_list.value[:] == [50]
    turned = tf.io.decode_png(feature["image/object/mask"].bytes_list.value[0]).numpy()[..., 0]
    assert turned.shape == (50, 40)
    ys, xs = np.nonzero(turned)
    corners = [
        feature[f"image/object/bbox/{k}"].float_list.value[0] for k in ("ymin", "xmin", "ymax", "xmax")
    ]
    found = (ys.min() / 50, xs.min() / 40, (ys.max() + 1) / 50, (xs.max() + 1) / 40)
    np.testing.assert_allclose(found, corners, atol=0.021)


@pytest.mark.parametrize(
    "name, stated, findings",
    [
        ("a.jpg", None, []),
        ("a.JPEG", "jpeg", []),
        ("a.jpg", "jpg", []),
        ("no_ending", None, []),
        ("a.png", None, [("DATA016", "kept")]),
        ("a.webp", None, [("DATA016", "kept")]),
        ("a.jpg", "png", [("DATA028", "corrected")]),
        ("a.jpg", "", [("DATA028", "corrected")]),
        ("a.jpg", "raw", [("DATA028", "corrected")]),
    ],
)
def test_formats_that_are_said_wrongly(record_of, jpeg, name, stated, findings):
    outcome, found, feature = look(record_of(jpeg(), BOX, name=name, stated_format=stated))
    assert found == findings and feature["image/format"].bytes_list.value[0] == b"jpeg"


def test_raw_pixels_in_a_tfrecord_are_named(record_of):
    outcome, findings, _ = look(record_of(b"\x80\x90" * 500, BOX, stated_format="raw"))
    assert (
        findings == [("DATA001", "quarantined")] and "pixels without a header" in outcome.findings[0].detail
    )


@pytest.mark.parametrize("name", ["straße/東京 🐈.jpg", "caf\u0301e.jpg"])
def test_names_of_any_script(record_of, jpeg, name):
    outcome, findings, feature = look(record_of(jpeg(), BOX, name=name))
    assert findings == [] and feature["image/filename"].bytes_list.value[0].decode() == name == outcome.name


def test_names_that_are_not_unicode(record_of, jpeg):
    name = b"caf\xe9.jpg".decode("utf-8", "surrogateescape")
    outcome, findings, feature = look(record_of(jpeg(), ("bird\ud800", 1, 1, 9, 9), BOX, name=name))
    assert findings == [("DATA034", "corrected"), ("DATA010", "quarantined")]
    assert feature["image/filename"].bytes_list.value[0] == b"caf\\udce9.jpg"
    assert json.dumps(outcome.row(), ensure_ascii=False).encode()
    lost = record_of(jpeg())._replace(source=None, name=name, annotation=name)
    assert json.dumps(look(lost)[0].row(), ensure_ascii=False).encode()


def test_split_by_content_is_stable_and_of_the_wanted_size():
    digests = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(4000)]

    def splits(**options):
        return [split_of(digest, OPTIONS.model_copy(update=options)) for digest in digests]

    two, three = splits(), splits(test_fraction=0.1)
    assert 0.18 < two.count("eval") / 4000 < 0.22 and "test" not in two
    assert 0.08 < three.count("test") / 4000 < 0.12
    assert [s == "eval" for s in two] == [s == "eval" for s in three]
    wider = splits(eval_fraction=0.3)
    assert all(w == "eval" for s, w in zip(two, wider, strict=True) if s == "eval")
    assert "eval" not in splits(eval=("y",), test_fraction=0.1)  # given splits get nothing from train
    assert "test" not in splits(test=("y",))
