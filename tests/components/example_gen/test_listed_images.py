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


def test_a_stray_picture_beside_the_list_is_not_taken(root):
    at = root("a.jpg", "images/a.jpg", "images/b.jpg")
    pictures = Pictures.beside(f"{at}/x.csv", ["a.jpg", "b.jpg"])
    assert pictures.source("a.jpg").path == f"{at}/images/a.jpg"


def test_a_name_is_found_below_only_if_it_is_the_only_one(root):
    at = root("images/one/a.jpg", "images/two/a.jpg", "images/two/b.jpg")
    pictures = Pictures.beside(f"{at}/x.csv", ["a.jpg", "two/a.jpg", "C:\\x\\B.JPG"])
    assert pictures.source("a.jpg") is None and pictures.source("") is None
    assert pictures.source("two/a.jpg").path == f"{at}/images/two/a.jpg"
    assert pictures.source("C:\\x\\B.JPG").path == f"{at}/images/two/b.jpg"


def test_whole_paths(root):
    at = root("elsewhere/a.jpg", "data/x.csv", "data/b.jpg")
    names = [f"{at}/elsewhere/a.jpg", f"{at}/data/b.jpg", "https://host/x/b.jpg?size=3"]
    pictures = Pictures.beside(f"{at}/data/x.csv", names[:2])
    assert [pictures.source(name).path for name in names[:2]] == names[:2]
    assert Pictures.beside(f"{at}/data/x.csv", names[2:]).source(names[2]).path == names[1]


def test_a_list_that_is_named_from_its_own_folder(root, monkeypatch):
    at = root("elsewhere/a.jpg", "data/x.csv", "data/b.jpg")
    monkeypatch.chdir(f"{at}/data")
    names = [f"{at}/elsewhere/a.jpg", "b.jpg"]
    pictures = Pictures.beside("x.csv", names)
    assert [pictures.source(name).path for name in names] == names


def test_boxes_do_not_come_to_another_folders_picture(root):
    at = root("train/1.jpg", "val/2.jpg")
    pictures = Pictures.beside(f"{at}/x.csv", ["train/1.jpg", "train/2.jpg", "val/2.jpg"])
    assert pictures.source("train/2.jpg") is None
    assert pictures.source("val/2.jpg").path == f"{at}/val/2.jpg"


def test_what_is_not_listed_is_noted(root):
    at = root("a.jpg", "b.jpg", "other/c.jpg")
    pictures = Pictures.beside(f"{at}/x.csv", ["a.jpg", "b.jpg"])
    record = ImageRecord("", "a.jpg", pictures.source("a.jpg"), None)
    (note,) = pictures.noted([record])[0].notes
    assert (note.file, note.code) == ("x.csv", "DATA035") and note.detail.endswith("aren't read: b.jpg")
    pictures.source("b.jpg")
    assert pictures.noted([record]) == [record]


def test_none_anywhere(root):
    at = root("docs/readme.txt")
    with pytest.raises(BadInput, match="none of the images that x.csv names is found"):
        Pictures.beside(f"{at}/x.csv", ["a.jpg"])
