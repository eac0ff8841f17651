"""Whatever stands in a file: the readers read it or refuse it by name, and no object disappears."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.example_gen.coco import read_coco
from components.example_gen.read import read_split
from components.example_gen.tfrecord import read_tfrecords
from components.example_gen.tutorial_csv import COLUMNS, read_csv
from components.example_gen.yolo import read_yolo
from detection.errors import BadInput

SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
IDS = st.sampled_from([0, 1, 2, "1", 1.0, None]) | VALUES
IMAGES = st.fixed_dictionaries(
    {}, optional={"id": IDS, "file_name": st.just("a.jpg") | VALUES, "width": VALUES, "height": VALUES}
)
ANNOTATIONS = st.fixed_dictionaries(
    {},
    optional={
        "id": VALUES,
        "image_id": IDS,
        "category_id": IDS,
        "bbox": st.lists(st.floats() | st.integers(), min_size=4, max_size=4) | VALUES,
        "segmentation": VALUES,
        "iscrowd": VALUES,
    },
)
CATEGORIES = st.fixed_dictionaries({}, optional={"id": IDS, "name": VALUES, "supercategory": VALUES})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("any")
    (root / "a.jpg").write_bytes(b"x")
    return root


@SETTINGS
@given(
    data=st.fixed_dictionaries(
        {
            "images": st.lists(IMAGES, max_size=4),
            "annotations": st.lists(ANNOTATIONS, max_size=5),
            "categories": st.lists(CATEGORIES, max_size=3),
        }
    )
)
def test_coco_keeps_every_annotation(folder: Path, data: dict) -> None:
    (folder / "x.json").write_text(json.dumps(data))
    names: dict[str, set[str]] = {}
    for category in data["categories"]:
        number = category.get("id")
        number = str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)
        names.setdefault(number, set()).add(str(category.get("name", "")))
    if any(len(of_id) > 1 for of_id in names.values()):
        with pytest.raises(BadInput, match="two categories have the id"):
            read_coco(str(folder / "x.json"), "")
        return
    for masks in (False, True):
        records = read_coco(str(folder / "x.json"), "", masks=masks)
        assert sum(len(record.boxes) for record in records) == len(data["annotations"])
        assert len(records) >= len(data["images"])


@SETTINGS
@given(data=VALUES)
def test_any_json(folder: Path, data: object) -> None:
    (folder / "x.json").write_text(json.dumps(data))
    with pytest.raises(BadInput):
        read_coco(str(folder / "x.json"), "")


@SETTINGS
@given(text=st.text(max_size=80), names=VALUES)
def test_any_yolo_label(folder: Path, text: str, names: object) -> None:
    (folder / "data.yaml").write_text(json.dumps({"names": names}))
    (folder / "a.txt").write_text(text, errors="surrogatepass")
    try:
        (record,) = read_yolo(str(folder), "")
    except BadInput as refusal:
        assert "names" in refusal.what
    else:
        lines = [line for line in (folder / "a.txt").read_text().splitlines() if line.strip()]
        assert len(record.boxes) == len(lines)
    finally:
        (folder / "data.yaml").unlink()
        (folder / "a.txt").unlink()


CELLS = st.lists(st.text(max_size=6) | st.sampled_from(["a.jpg", "100", "cat", "1e400", "nan"]), max_size=10)


@SETTINGS
@given(rows=st.lists(CELLS, max_size=5), delimiter=st.sampled_from(",;\t"))
def test_any_row_of_a_csv(folder: Path, rows: list[list[str]], delimiter: str) -> None:
    rows = [[cell.replace("\n", " ").replace("\r", " ").replace("\0", " ") for cell in row] for row in rows]
    with (folder / "x.csv").open("w", encoding="utf-8", errors="replace", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([COLUMNS, *rows])
    objects = [row for row in rows if any(map(str.strip, row[3:]))]
    named = {tuple(row[:1]) for row in rows if any(map(str.strip, row))}
    records = read_csv(str(folder / "x.csv"), "")
    (folder / "x.csv").unlink()
    assert sum(len(record.boxes) for record in records) == len(objects)
    assert bool(records) == bool(named)


WORDS = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), max_size=8)
NUMBERS = st.integers() | st.floats() | WORDS
OBJECTS = st.fixed_dictionaries(
    {}, optional={"name": WORDS, "xmin": NUMBERS, "ymin": NUMBERS, "xmax": NUMBERS, "ymax": NUMBERS}
)


@SETTINGS
@given(objects=st.lists(OBJECTS, max_size=4), size=st.tuples(NUMBERS, NUMBERS), filename=WORDS)
def test_any_voc_annotation(folder: Path, objects: list[dict], size: tuple, filename: str) -> None:
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = filename
    for side, value in zip(("width", "height"), size, strict=True):
        ElementTree.SubElement(ElementTree.SubElement(root, "size"), side).text = str(value)
    for found in objects:
        node = ElementTree.SubElement(root, "object")
        box = ElementTree.SubElement(node, "bndbox")
        for key, value in found.items():
            ElementTree.SubElement(node if key == "name" else box, key).text = str(value)
    (folder / "a.xml").write_bytes(ElementTree.tostring(root, "utf-8"))
    (record,) = read_split(folder, "voc", "")
    (folder / "a.xml").unlink()
    assert record.source is not None and record.problem is None
    assert [box.label for box in record.boxes] == [found.get("name", "").strip() for found in objects]


@SETTINGS
@given(text=st.text(max_size=80), wrapped=st.booleans())
def test_any_text_as_xml(folder: Path, text: str, wrapped: bool) -> None:
    text = f"<annotation>{text}</annotation>" if wrapped else text
    (folder / "a.xml").write_text(text, encoding="utf-8", errors="replace")
    (record,) = read_split(folder, "voc", "")
    (folder / "a.xml").unlink()
    assert record.annotation is not None
    assert record.problem is None or record.problem.code == "DATA013"


@SETTINGS
@given(data=st.binary(max_size=200))
def test_any_bytes_as_a_file_of_the_data(folder: Path, data: bytes) -> None:
    for name in ("x.json", "x.csv", "data.yaml", "list.txt", "x.record"):
        (folder / name).write_bytes(data)
        try:
            for record in read_split(folder / name, "auto", ""):
                assert record.annotation
        except BadInput:
            pass
        finally:
            (folder / name).unlink()


KEYS = st.sampled_from(
    [f"image/object/bbox/{corner}" for corner in ("xmin", "ymin", "xmax", "ymax")]
    + ["image/object/class/text", "image/object/class/label", "image/filename", "image/width", "image/format"]
)
FEATURES = st.one_of(
    st.lists(st.binary(max_size=4), max_size=3).map(
        lambda v: tf.train.Feature(bytes_list=tf.train.BytesList(value=v))
    ),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3).map(
        lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=v))
    ),
    st.lists(st.floats(width=32), max_size=3).map(
        lambda v: tf.train.Feature(float_list=tf.train.FloatList(value=v))
    ),
)


@SETTINGS
@given(features=st.dictionaries(KEYS, FEATURES))
def test_any_example(folder: Path, features: dict) -> None:
    features["image/encoded"] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"x"]))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    with tf.io.TFRecordWriter(str(folder / "any.record")) as writer:
        writer.write(example.SerializeToString())
    (record,) = read_tfrecords([str(folder / "any.record")], "", masks=True)
    assert record.source is not None and record.source.read() == b"x"
    assert record.problem is None or record.problem.code == "DATA013"
