from __future__ import annotations

import pytest

from components.example_gen.listed_images import Pictures
from components.example_gen.records import ImageRecord
from detection.errors import BadInput


@pytest.fixture
def root(tmp_path):
    def make(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).touch()
        return str(tmp_path)

    return make


@pytest.mark.parametrize(
    ("listed", "image"),
    [
        ("train_labels.csv", "train/a.jpg"),
        ("x.csv", "a.jpg"),
        ("x.csv", "images/a.jpg"),
        ("train.csv", "images/train/a.jpg"),
        ("annotations/instances_train2017.json", "train2017/a.jpg"),
        ("annotations/instances_train2017.json", "images/train2017/a.jpg"),
        ("annotations/x.json", "images/a.jpg"),
        ("annotations/x.json", "a.jpg"),
    ],
)
def test_where_pictures_usually_lie(root, listed, image):
    at = root(image)
    source = Pictures.beside(f"{at}/{listed}", ["a.jpg"]).source("a.jpg")
    assert source is not None and source.path == f"{at}/{image}"


def test_the_folder_of_the_split_comes_first(root):
    at = root("train/a.jpg", "images/a.jpg", "a.jpg")
    assert Pictures.beside(f"{at}/train_labels.csv", ["a.jpg"]).tree.root == f"{at}/train"


def test_a_name_is_found_below_only_if_it_is_the_only_one(root):
    at = root("images/one/a.jpg", "images/two/a.jpg", "images/two/b.jpg")
    pictures = Pictures.beside(f"{at}/x.csv", ["a.jpg", "b.jpg", "two/a.jpg"])
    assert pictures.source("a.jpg") is None and pictures.source("") is None
    assert pictures.source("two/a.jpg").path == f"{at}/images/two/a.jpg"
    assert pictures.source("C:\\x\\B.JPG").path == f"{at}/images/two/b.jpg"


def test_whole_paths(root):
    at = root("elsewhere/a.jpg", "data/x.csv")
    assert Pictures.beside(f"{at}/data/x.csv", [f"{at}/elsewhere/a.jpg"]).source(f"{at}/elsewhere/a.jpg")


def test_what_is_not_listed_is_noted(root):
    at = root("a.jpg", "b.jpg", "other/c.jpg")
    pictures = Pictures.beside(f"{at}/x.csv", ["a.jpg"])
    record = ImageRecord("", "a.jpg", pictures.source("a.jpg"), None)
    (note,) = pictures.noted([record])[0].notes
    assert (note.file, note.code) == ("x.csv", "DATA035") and note.detail.endswith("aren't read: b.jpg")
    pictures.source("b.jpg")
    assert pictures.noted([record]) == [record]


def test_none_anywhere(root):
    at = root("docs/readme.txt")
    with pytest.raises(BadInput, match="none of the images that x.csv names is found"):
        Pictures.beside(f"{at}/x.csv", ["a.jpg"])
