from __future__ import annotations

import shutil

import pytest

from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree
from components.example_gen.voc import read_voc, voc_tree


def by_name(records):
    return {record.name: record for record in records}


def test_pairs_image_and_xml_and_keeps_what_has_no_partner(voc_data):
    voc_data.add("train", "a", [("cat", (1, 2, 30, 40)), ("dog", (5, 6, 7, 8))])
    voc_data.add("train", "lonely_image", xml=None)
    voc_data.add("train", "lonely_xml", image=None)
    records = by_name(read_voc(Tree.at(str(voc_data.root / "train")), "train"))
    assert sorted(records) == ["a.jpg", "lonely_image.jpg", "lonely_xml.xml"]
    a = records["a.jpg"]
    assert (a.split, a.width, a.height) == ("train", 100, 80)
    assert [(b.place, b.label, b.xmin, b.ymin, b.xmax, b.ymax) for b in a.boxes] == [
        ("object 1", "cat", 1, 2, 30, 40),
        ("object 2", "dog", 5, 6, 7, 8),
    ]
    assert records["lonely_image.jpg"].annotation is None and records["lonely_image.jpg"].boxes == ()
    assert records["lonely_xml.xml"].source is None and len(records["lonely_xml.xml"].boxes) == 1


def test_a_wrong_filename_does_not_take_the_image_of_another_xml(voc_data, xml_of):
    voc_data.add("train", "a", image=None, xml=xml_of("b.jpg", [("cat", (1, 1, 9, 9))]))
    b = voc_data.add("train", "b", [("dog", (2, 2, 9, 9))])
    records = by_name(read_voc(Tree.at(str(voc_data.root / "train")), ""))
    assert records["b.jpg"].source == FileSource(str(b)) and records["b.jpg"].boxes[0].label == "dog"
    assert records["a.xml"].source is None


def test_filename_pairs_an_xml_of_another_name(voc_data, xml_of):
    xml = xml_of("C:\\photos\\IMG_1.JPG", [("cat", (1, 1, 9, 9))])
    voc_data.add("train", "renamed", image=None, xml=xml)
    image = voc_data.add("train", "img_1", xml=None)
    (record,) = read_voc(Tree.at(str(voc_data.root / "train")), "")
    assert record.source == FileSource(str(image)) and len(record.boxes) == 1


def test_reads_the_layout_of_the_voc_challenge(voc_data):
    voc_data.add("train", "a")
    train = voc_data.root / "train"
    for folder, suffix in (("JPEGImages", ".jpg"), ("Annotations", ".xml")):
        (train / folder).mkdir()
        shutil.move(train / f"a{suffix}", train / folder)
    (train / "SegmentationClass").mkdir()
    shutil.copy(train / "JPEGImages" / "a.jpg", train / "SegmentationClass" / "a.png")
    (record,) = read_voc(Tree.at(str(train)), "")
    assert record.name == "JPEGImages/a.jpg" and len(record.boxes) == 1


def test_hidden_files_are_not_data(voc_data):
    voc_data.add("train", "a")
    voc_data.add("train", "._a")
    assert [record.name for record in read_voc(Tree.at(str(voc_data.root / "train")), "")] == ["a.jpg"]


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
    (record,) = read_voc(Tree.at(str(voc_data.root / "train")), "")
    assert record.source is not None
    assert record.problem.code == "DATA013" and reason in record.problem.detail


def write(root, *names, data=b""):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)


@pytest.mark.parametrize(
    ("image", "xml"),
    [
        ("images/a.jpg", "annotations/xmls/a.xml"),
        ("train/images/a.jpg", "train/annotations/a.xml"),
        ("images/train/a.jpg", "Annotations/train/a.xml"),
        ("VOCdevkit/VOC2012/JPEGImages/a.jpg", "VOCdevkit/VOC2012/Annotations/a.xml"),
        ("img/a.png", "labels/a.xml"),
        ("a.jpg", "xml/a.xml"),
        ("cafe\u0301.jpg", "caf\u00e9.xml"),
    ],
)
def test_layouts_that_people_have(tmp_path, xml_of, image, xml):
    write(tmp_path, image)
    write(tmp_path, xml, data=xml_of("other name", [("cat", (1, 2, 3, 4))]).encode())
    (record,) = read_voc(Tree.at(str(tmp_path)), "")
    assert record.name == image and len(record.boxes) == 1


@pytest.mark.parametrize("here", [False, True])
def test_the_images_folder_alone_finds_its_xml(tmp_path, xml_of, monkeypatch, here):
    write(tmp_path, "JPEGImages/a.jpg", "JPEGImages/bare.jpg", "SegmentationClass/a.png")
    for name in ("a", "gone"):
        write(tmp_path, f"Annotations/{name}.xml", data=xml_of("", [("cat", (1, 2, 3, 4))]).encode())
    monkeypatch.chdir(tmp_path)
    folder = "JPEGImages" if here else str(tmp_path / "JPEGImages")
    records = by_name(read_voc(voc_tree(folder), ""))
    assert {name: len(record.boxes) for name, record in records.items()} == {
        "JPEGImages/a.jpg": 1,
        "JPEGImages/bare.jpg": 0,
        "Annotations/gone.xml": 1,
    }
    assert voc_tree(str(tmp_path)) == Tree.at(str(tmp_path))


def test_two_years_with_the_same_names(tmp_path, xml_of):
    for year, label in (("VOC2007", "cat"), ("VOC2012", "dog")):
        write(tmp_path, f"{year}/JPEGImages/1.jpg")
        write(tmp_path, f"{year}/Annotations/1.xml", data=xml_of("1.jpg", [(label, (1, 2, 3, 4))]).encode())
    records = by_name(read_voc(Tree.at(str(tmp_path)), ""))
    assert {name: record.boxes[0].label for name, record in records.items()} == {
        "VOC2007/JPEGImages/1.jpg": "cat",
        "VOC2012/JPEGImages/1.jpg": "dog",
    }


def test_pictures_beside_the_image_folder_are_no_data(tmp_path, xml_of):
    write(
        tmp_path,
        "images/a.jpg",
        "images/sub/b.jpg",
        "annotations/trimaps/a.png",
        "other/images/c.jpg",
        "d.jpg",
    )
    write(tmp_path, "annotations/xmls/a.xml", data=xml_of("a.jpg", [("cat", (1, 2, 3, 4))]).encode())
    assert sorted(by_name(read_voc(Tree.at(str(tmp_path)), ""))) == ["images/a.jpg", "images/sub/b.jpg"]


def test_an_old_suffix_in_filename_still_pairs(tmp_path, xml_of):
    write(tmp_path, "IMG_1.png")
    write(tmp_path, "0001.xml", data=xml_of("IMG_1.jpg", [("cat", (1, 2, 3, 4))]).encode())
    (record,) = read_voc(Tree.at(str(tmp_path)), "")
    assert record.name == "IMG_1.png" and len(record.boxes) == 1


def test_a_second_annotation_of_an_image_is_told(tmp_path, xml_of):
    write(tmp_path, "images/a.jpg")
    for folder, label in (("annotations", "cat"), ("xml", "dog")):
        write(tmp_path, f"{folder}/a.xml", data=xml_of("a.jpg", [(label, (1, 2, 3, 4))]).encode())
    a, second = read_voc(Tree.at(str(tmp_path)), "")
    assert (a.name, a.boxes[0].label, a.problem) == ("images/a.jpg", "cat", None)
    assert second.source is None and len(second.boxes) == 1
    assert second.problem.code == "DATA023" and "images/a.jpg has another annotation" in second.problem.detail


def test_the_xml_of_one_year_never_takes_the_picture_of_another(tmp_path, xml_of):
    write(tmp_path, "VOC2007/JPEGImages/2.jpg", "VOC2012/JPEGImages/1.jpg")
    for name in ("1", "2"):
        xml = xml_of(f"{name}.jpg", [("cat", (1, 2, 3, 4))]).encode()
        write(tmp_path, f"VOC2007/Annotations/{name}.xml", data=xml)
    records = by_name(read_voc(Tree.at(str(tmp_path)), ""))
    assert {name: (record.source is None, len(record.boxes)) for name, record in records.items()} == {
        "VOC2007/Annotations/1.xml": (True, 1),
        "VOC2007/JPEGImages/2.jpg": (False, 1),
        "VOC2012/JPEGImages/1.jpg": (False, 0),
    }


@pytest.mark.parametrize("image", ["train/images/crazing/1.jpg", "elsewhere/1.jpg"])
def test_a_picture_in_a_folder_of_its_class_is_found(tmp_path, xml_of, image):
    write(tmp_path, image)
    write(tmp_path, "train/annotations/1.xml", data=xml_of("1.jpg", [("cat", (1, 2, 3, 4))]).encode())
    (record,) = read_voc(Tree.at(str(tmp_path)), "")
    assert record.name == image and len(record.boxes) == 1


def test_real_data(microcontrollers):
    train = read_voc(Tree.at(str(microcontrollers / "images" / "train")), "train")
    test = read_voc(Tree.at(str(microcontrollers / "images" / "test")), "eval")
    assert (len(train), len(test)) == (142, 7)
    assert sum(len(record.boxes) for record in train + test) == 177
    assert all(record.source and record.annotation and record.problem is None for record in train + test)
