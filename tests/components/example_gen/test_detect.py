from __future__ import annotations

import json

import pytest
import tensorflow as tf

from components.example_gen.detect import detect_format, is_pattern
from detection.errors import BadInput

CSV = "filename,width,height,class,xmin,ymin,xmax,ymax\n"


def test_a_folder_is_what_lies_in_it(voc_data, jpeg):
    folder = voc_data.root / "train"
    voc_data.add("train", "a")
    (folder / "a.txt").write_text("0 0.5 0.5 1 1\n")
    (folder / "x.json").write_text(json.dumps({"images": [], "annotations": [], "categories": []}))
    (voc_data.root / "train_labels.csv").write_text(CSV)
    (folder / "x.record").touch()
    for expected, gone in (
        ("voc", "a.xml"),
        ("coco", "x.json"),
        ("yolo", "a.txt"),
        ("csv", "../train_labels.csv"),
        ("tfrecord", "x.record"),
        ("images", "a.jpg"),
    ):
        assert detect_format(str(folder)) == expected
        (folder / gone).unlink()
    with pytest.raises(BadInput, match="holds no images"):
        detect_format(str(folder))


def test_files_by_their_names(tmp_path):
    for name, expected in (
        ("x.csv", "csv"),
        ("x.JSON", "coco"),
        ("data.yaml", "yolo"),
        ("train.txt", "yolo"),
        ("ImageSets/Main/train.txt", "voc"),
        ("x.record-00000-of-00001", "tfrecord"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
        assert detect_format(str(tmp_path / name)) == expected


def test_a_tfrecord_of_any_name(tmp_path):
    with tf.io.TFRecordWriter(str(tmp_path / "train")) as writer:
        writer.write(b"x")
    assert detect_format(str(tmp_path / "train")) == "tfrecord"
    (tmp_path / "other").write_bytes(b"something else entirely")
    with pytest.raises(BadInput, match="isn't known") as caught:
        detect_format(str(tmp_path / "other"))
    assert "voc, coco, csv, yolo, tfrecord, images" in caught.value.fix


@pytest.mark.parametrize(
    ("file", "text", "kind"),
    [
        ("a.json", '{"version": "5", "shapes": [], "imagePath": "a.jpg"}', "LabelMe"),
        ("via.json", '{"a.jpg9": {"filename": "a.jpg", "regions": []}}', "the VGG Image Annotator"),
        ("a.json", '[{"image": "a.jpg", "annotations": [{"coordinates": {"x": 1}}]}]', "CreateML"),
        ("annotations.xml", '<?xml version="1.0"?><annotations><image name="a.jpg"/></annotations>', "CVAT"),
    ],
)
def test_annotations_of_other_tools_are_named(tmp_path, jpeg, file, text, kind):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / file).write_text(text)
    with pytest.raises(BadInput, match=f"those of {kind}.*: {file}") as caught:
        detect_format(str(tmp_path))
    assert "export them as COCO" in caught.value.fix


@pytest.mark.parametrize("label", ["a.txt", "labels/a.txt"])
def test_labels_of_another_kind_are_no_negatives(tmp_path, jpeg, label):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / label).parent.mkdir(exist_ok=True)
    (tmp_path / label).write_text("Cat 10.0 20.0 50.0 60.0\n")  # as OIDv4 and KITTI write them
    (tmp_path / "readme.txt").write_text("about")
    with pytest.raises(BadInput, match=f"isn't clear which annotations count: {label}$|{label}\n"):
        detect_format(str(tmp_path))
    (tmp_path / label).write_text("\n")
    assert detect_format(str(tmp_path)) == "images"


def test_annotations_of_another_kind_are_no_negatives(tmp_path, jpeg):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "a.json").write_text('{"any": "thing"}')
    with pytest.raises(BadInput, match="isn't clear which annotations count: a.json"):
        detect_format(str(tmp_path))
    (tmp_path / "a.json").unlink()
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text(CSV)
    with pytest.raises(BadInput, match="one.csv, two.csv"):
        detect_format(str(tmp_path))


def test_patterns(tmp_path):
    assert is_pattern("/a/x.record-*-of-00010") and is_pattern("/a/x.record-0000?")
    (tmp_path / "what?.record").touch()
    assert not is_pattern(str(tmp_path / "what?.record"))


def test_captions_are_no_labels(tmp_path, jpeg):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.jpg").write_bytes(jpeg())
    (tmp_path / "train" / "a.txt").write_text("0 cats on a table\n")
    (tmp_path / "train_labels.csv").write_text(CSV)
    assert detect_format(str(tmp_path / "train")) == "csv"


def test_xml_of_something_else(voc_data, jpeg):
    folder = voc_data.root / "train"
    voc_data.add("train", "a", xml="<plist><string>a.jpg</string></plist>")
    with pytest.raises(BadInput, match="isn't clear which annotations count: a.xml"):
        detect_format(str(folder))
    (voc_data.root / "train_labels.csv").write_text(CSV)
    assert detect_format(str(folder)) == "csv"
    for encoding in ("utf-16", "utf-8-sig"):
        (folder / "b.xml").write_text("<annotation verified='no'></annotation>", encoding=encoding)
        assert detect_format(str(folder)) == "voc"
