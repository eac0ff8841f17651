from __future__ import annotations

import math
import shutil
import time

import pytest

from components.example_gen.voc import layout, parse_annotation, read_voc


def by_name(records):
    return {record.name: record for record in records}


def test_pairs_image_and_xml_and_keeps_what_has_no_partner(voc_data):
    voc_data.add("train", "a", [("cat", (1, 2, 30, 40)), ("dog", (5, 6, 7, 8))])
    voc_data.add("train", "lonely_image", xml=None)
    voc_data.add("train", "lonely_xml", image=None)
    records = by_name(read_voc(voc_data.root / "train", "train"))
    assert sorted(records) == ["a.jpg", "lonely_image.jpg", "lonely_xml.xml"]
    a = records["a.jpg"]
    assert (a.split, a.width, a.height) == ("train", 100, 80)
    assert [(b.place, b.label, b.xmin, b.ymin, b.xmax, b.ymax) for b in a.boxes] == [
        ("object 1", "cat", 1, 2, 30, 40),
        ("object 2", "dog", 5, 6, 7, 8),
    ]
    assert records["lonely_image.jpg"].annotation is None and records["lonely_image.jpg"].boxes == ()
    assert records["lonely_xml.xml"].image is None and len(records["lonely_xml.xml"].boxes) == 1


def test_a_wrong_filename_does_not_take_the_image_of_another_xml(voc_data, xml_of):
    voc_data.add("train", "a", image=None, xml=xml_of("b.jpg", [("cat", (1, 1, 9, 9))]))
    b = voc_data.add("train", "b", [("dog", (2, 2, 9, 9))])
    records = by_name(read_voc(voc_data.root / "train", ""))
    assert records["b.jpg"].image == b and records["b.jpg"].boxes[0].label == "dog"
    assert records["a.xml"].image is None


def test_filename_pairs_an_xml_of_another_name(voc_data, xml_of):
    xml = xml_of("C:\\photos\\IMG_1.JPG", [("cat", (1, 1, 9, 9))])
    voc_data.add("train", "renamed", image=None, xml=xml)
    image = voc_data.add("train", "img_1", xml=None)
    (record,) = read_voc(voc_data.root / "train", "")
    assert record.image == image and len(record.boxes) == 1


def test_reads_the_layout_of_the_voc_challenge(voc_data):
    voc_data.add("train", "a")
    train = voc_data.root / "train"
    for folder, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".xml")):
        (train / folder).mkdir()
        shutil.move(train / f"a{suffix}", train / folder)
    (train / "SegmentationClass").mkdir()
    shutil.copy(train / "JPEGImages" / "a.jpg", train / "SegmentationClass" / "a.png")
    assert layout(train) == (train / "JPEGImages", train / "Annotations")
    (record,) = read_voc(train, "")
    assert record.name == "a.jpg" and len(record.boxes) == 1


def test_hidden_files_are_not_data(voc_data):
    voc_data.add("train", "a")
    voc_data.add("train", "._a")
    assert [record.name for record in read_voc(voc_data.root / "train", "")] == ["a.jpg"]


@pytest.mark.parametrize(
    "xml, reason",
    [
        ("<annotation><object>", "no element found"),
        ("<html></html>", "not <annotation>"),
        ("", "no element found"),
    ],
)
def test_an_unreadable_xml_sets_its_image_aside(voc_data, xml, reason):
    voc_data.add("train", "a", xml=xml)
    (record,) = read_voc(voc_data.root / "train", "")
    assert record.image is not None
    assert record.problem.code == "DATA013" and reason in record.problem.detail


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_no_external_entity_is_read(tmp_path, encoding):
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    xml = (
        f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY x SYSTEM "file://{secret}">]>'
        "<annotation><filename>&x;</filename></annotation>"
    )
    with pytest.raises(ValueError, match="DOCTYPE"):
        parse_annotation(xml.encode(encoding))


def test_an_entity_bomb_does_not_go_off():
    entities = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE a [<!ENTITY e0 "boom">{entities}]><annotation><filename>&e11;</filename></annotation>'
    start = time.monotonic()
    with pytest.raises(ValueError, match="DOCTYPE"):
        parse_annotation(bomb.encode())
    assert time.monotonic() - start < 1


def test_coordinates_that_are_no_numbers_become_nan():
    annotation = parse_annotation(
        b"<annotation><object><name> cat </name><difficult>1</difficult><bndbox><xmin>1.5</xmin>"
        b"<ymin>two</ymin><xmax/></bndbox></object></annotation>"
    )
    (box,) = annotation.boxes
    assert (box.label, box.xmin, box.difficult, box.truncated) == ("cat", 1.5, True, False)
    assert all(map(math.isnan, (box.ymin, box.xmax, box.ymax)))
    assert (annotation.width, annotation.height) == (0, 0)


def test_real_data(microcontrollers):
    train = read_voc(microcontrollers / "images" / "train", "train")
    test = read_voc(microcontrollers / "images" / "test", "eval")
    assert (len(train), len(test)) == (142, 7)
    assert sum(len(record.boxes) for record in train + test) == 177
    assert all(record.image and record.annotation and record.problem is None for record in train + test)
