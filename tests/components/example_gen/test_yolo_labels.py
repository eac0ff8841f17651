from __future__ import annotations

import pytest

from components.example_gen.tree import Tree
from components.example_gen.yolo_labels import find_labels, has_labels, label_places, reads_as_label


def labels_of(images, *texts):
    def texts_in(folder):
        return [text for text in texts if text.rpartition("/")[0] == folder]

    return find_labels(images, texts_in)


@pytest.mark.parametrize(
    ("image", "first"),
    [
        ("x/images/a.jpg", "x/labels/a.txt"),
        ("images/train/a.b.png", "labels/train/a.b.txt"),
        ("images/set/images/a.jpg", "images/set/labels/a.txt"),
        ("VOC2007/JPEGImages/a.jpg", "VOC2007/labels/a.txt"),
        ("x/a.jpg", "x/a.txt"),
    ],
)
def test_where_a_label_can_be(image, first):
    assert label_places(image)[0] == first


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/a.jpg", "labels/a.txt"),
        ("Images/a.jpg", "Labels/a.txt"),
        ("Images/a.jpg", "labels/a.txt"),
        ("IMAGES/a.jpg", "LABELS/a.txt"),
        ("images/a.jpg", "images/a.txt"),
        ("runs/predict/a.jpg", "runs/predict/labels/a.txt"),
        ("images/IMG_1.JPG", "labels/img_1.TXT"),
        ("images/e\u0301.jpg", "labels/\u00e9.txt"),
    ],
)
def test_layouts_that_people_have(image, label):
    assert labels_of([image], label) == {image: label}


def test_a_label_is_no_other_images():
    assert labels_of(["A.jpg", "a.jpg", "b.jpg"], "a.txt") == {"a.jpg": "a.txt"}
    assert labels_of(["A.jpg"], "a.txt", "a.TXT") == {}
    both = {"a.jpg": "a.txt", "a.png": "a.txt"}
    assert labels_of(both, "a.txt") == both  # two files of one picture


@pytest.mark.parametrize("text", ["0 0.5 0.5 1 1", "\n1 5e-01 .5 1 1e-3 0.9\n", "x\n2.0 0 0 1 1"])
def test_a_label(text):
    assert reads_as_label(text)


@pytest.mark.parametrize("text", ["", "0 cats on a table", "0.5 0.5 0.5 1 1", "0 0.5 0.5 1", "nan 1 1 1 1"])
def test_no_label(text):
    assert not reads_as_label(text)


@pytest.mark.parametrize("folders", [("Images", "Labels"), ("JPEGImages", "labels")])
@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_of_labelled_images(tmp_path, folders, inside):
    for folder, file in zip(folders, ("a.jpg", "a.txt"), strict=True):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text("0 5e-01 0.5 1 1")
    assert has_labels(Tree.at(str(tmp_path / folders[0] if inside else tmp_path)))
