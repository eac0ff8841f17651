"""The four real data sets, counted: images and boxes by class."""

from __future__ import annotations

from collections import Counter

import pytest
from PIL import Image

from components.example_gen.read import read_dataset, read_split, resolve
from tests.components.example_gen.listing import list_files

BOARDS = {"ESP8266": 47, "Heltec_ESP32_Lora": 44, "Arduino_Nano": 43, "Raspberry_Pi_3": 43}
PETS = (
    "Siamese chihuahua english_cocker_spaniel japanese_chin leonberger miniature_pinscher pomeranian samoyed "
    "scottish_terrier yorkshire_terrier"
)


@pytest.mark.parametrize(
    ("path", "images", "boxes"),
    [
        ("microcontrollers_voc", {"train": 142, "eval": 7}, BOARDS),
        ("microcontrollers_voc/images", {"train": 142, "eval": 7}, BOARDS),
        (
            "microcontrollers_voc/images/train_labels.csv",
            {"": 142},
            {"ESP8266": 45, "Heltec_ESP32_Lora": 42, "Raspberry_Pi_3": 42, "Arduino_Nano": 41},
        ),
        (
            "microcontrollers_voc/images/test_labels.csv",
            {"": 7},
            dict.fromkeys(BOARDS, 2) | {"Raspberry_Pi_3": 1},
        ),
        ("rbc_coco", {"train": 210, "eval": 20, "test": 10}, {"rbc": 5387, "wbc": 251}),
        ("rbc_coco/train", {"": 210}, {"rbc": 4725, "wbc": 222}),
        ("rbc_coco/valid", {"": 20}, {"rbc": 451, "wbc": 19}),
        ("rbc_coco/test/_annotations.coco.json", {"": 10}, {"rbc": 211, "wbc": 10}),
        ("cone_cube_yolo", {"": 187}, {"cone": 274, "cube": 161}),
        ("cone_cube_yolo/data.yaml", {"": 187}, {"cone": 274, "cube": 161}),
        ("cone_cube_yolo/valid", {"": 124}, {"cone": 189, "cube": 111}),
        ("cone_cube_yolo/test/images", {"": 63}, {"cone": 85, "cube": 50}),
        ("pets_tfrecord", {"": 10}, dict.fromkeys(PETS.split(), 1)),
        ("pets_tfrecord/pets_*.record", {"": 10}, dict.fromkeys(PETS.split(), 1)),
    ],
)
def test_counts(datasets, path, images, boxes):
    options = resolve({"train": datasets / path, "label_map": "/none"})
    records = read_dataset(options)
    assert Counter(record.split for record in records) == images
    assert Counter(box.label for record in records for box in record.boxes) == boxes
    assert all(record.source and record.annotation and record.problem is None for record in records)
    assert len({record.name for record in records}) == len({record.source for record in records})
    assert len({record.name for record in records}) == len(records)


def test_the_splits_of_a_data_yaml(datasets):
    file = datasets / "cone_cube_yolo" / "data.yaml"
    assert [len(read_split(file, "yolo", split)) for split in ("eval", "test")] == [124, 63]


def test_what_is_odd_about_them_is_noted(datasets):
    def notes(path):
        records = read_dataset({"train": datasets / path, "label_map": "/none"})
        return [(note.code, note.object) for record in records for note in record.notes]

    assert notes("cone_cube_yolo") == [("DATA029", "train")]
    assert notes("rbc_coco") == [("DATA021", "category 0")] * 3
    assert notes("microcontrollers_voc") == notes("pets_tfrecord") == []


def test_the_boxes_lie_where_the_xml_says(datasets):
    """The same photographs in Pascal VOC and as CSV; and the pictures of a TFRecord decode."""
    images = datasets / "microcontrollers_voc" / "images"
    both = [read_split(images / "train", kind, "") for kind in ("voc", "csv")]
    corners = [
        {r.name: sorted((b.label, b.xmin, b.ymin, b.xmax, b.ymax) for b in r.boxes) for r in records}
        for records in both
    ]
    assert corners[0] == corners[1]


def test_the_pictures_of_the_tfrecord_are_whole(datasets, tmp_path):
    for number, record in enumerate(read_split(datasets / "pets_tfrecord", "auto", "")):
        file = tmp_path / f"{number}.jpg"
        file.write_bytes(record.source.read())
        with Image.open(file) as image:
            image.load()
            assert image.size == (record.width, record.height)
        (box,) = record.boxes
        assert record.shares and 0 <= box.xmin < box.xmax <= 1 and 0 <= box.ymin < box.ymax <= 1
        assert box.label_id > 0 and record.stated_format == "jpeg"


def test_the_files_of_the_fingerprint(datasets):
    label_map = "/none"
    counts = {
        "rbc_coco": 240 + 3,
        "cone_cube_yolo": 187 * 2 + 1,
        "cone_cube_yolo/test": 63 * 2 + 1,
        "pets_tfrecord": 1,
        "microcontrollers_voc/images/train_labels.csv": 142 + 1,
    }
    for path, count in counts.items():
        files = list_files({"train": datasets / path, "label_map": label_map})
        assert len(files) == count + 1, path
