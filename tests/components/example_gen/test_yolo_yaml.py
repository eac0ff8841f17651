from __future__ import annotations

import pytest

from components.example_gen.tree import Tree
from components.example_gen.yolo_yaml import find_yaml, names_for, read_yaml
from detection.errors import BadInput


@pytest.fixture
def root(tmp_path):
    for split in ("train", "valid"):
        (tmp_path / "set" / split / "images").mkdir(parents=True)
        (tmp_path / "set" / split / "images" / "a.jpg").touch()
    return tmp_path / "set"


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ("train/images", None),
        ("./train/images", "."),
        ("../train/images", None),
        ("train/images", "../set"),
        ("/content/set/train/images", None),
        ("C:\\Users\\me\\set\\train\\images", None),
        ("images", "train"),
        ("train/images/", "/nowhere"),
    ],
)
def test_paths_that_people_write(root, said, path):
    text = f"train: '{said}'\nnames: [cat]\n" + (f"path: {path}\n" if path else "")
    (root / "data.yaml").write_text(text)
    (place,) = read_yaml(str(root / "data.yaml")).places["train"]
    assert place.rstrip("/") == str(root / "train" / "images")


def test_an_absolute_path_that_is_there_counts(root, tmp_path):
    (tmp_path / "elsewhere.yaml").write_text(f"train: {root}/train/images\nnames: [cat]\n")
    assert read_yaml(str(tmp_path / "elsewhere.yaml")).places == {"train": [f"{root}/train/images"]}


def test_what_is_absent_is_told(root):
    (root / "data.yaml").write_text("train: [train/images, more/images]\nval: no/where\nnames: [cat]\n")
    data = read_yaml(str(root / "data.yaml"))
    assert data.places == {"train": [f"{root}/train/images"]}
    assert data.absent == {"train": "more/images", "eval": "no/where"}


def test_two_splits_never_guess_the_same_folder(root):
    (root / "images").mkdir()
    (root / "images" / "a.jpg").touch()
    text = "train: /content/one/images\nval: /content/two/images\nnames: [cat]\n"
    (root / "data.yaml").write_text(text)
    data = read_yaml(str(root / "data.yaml"))
    assert data.places == {"train": [f"{root}/images"]}
    assert data.absent == {"eval": "/content/two/images"}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("[cat, dog]", {0: "cat", 1: "dog"}),
        ("{0: cat, 5: dog}", {0: "cat", 5: "dog"}),
        ("[1, 2]", {0: "1", 1: "2"}),
        ("{0: cat, '\u00b2': dog}", {0: "cat"}),
    ],
)
def test_names(root, names, expected):
    (root / "data.yaml").write_text(f"names: {names}\n")
    assert read_yaml(str(root / "data.yaml")).names == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nc: 2\n", "names no class"),
        ("names: [", "can't be read"),
        ("- a\n", "has no keys"),
        ("names: 7", "no class"),
        ("names: [cat]\nexported: 2026-13-45\n", "month must be in 1..12"),
        ("names: [cat]\nx: " + "[" * 3000 + "]" * 3000, "maximum recursion depth"),
        (b"names: [\xe9]", "can't be read"),
        ("names: {0: cat, 0: dog}", "has 0 twice"),
        ("names: [cat]\ntrain: a\ntrain: b\n", "has train twice"),
    ],
)
def test_what_can_not_be_used(root, text, said):
    (root / "data.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput, match=said):
        read_yaml(str(root / "data.yaml"))


def test_which_yaml_it_is(root):
    (root / "a_workflow.yaml").write_text("on: push\n")
    (root / "broken.yaml").write_text("[")
    (root / "mine.yml").write_text("names: [cat]\n")
    assert find_yaml(Tree.at(str(root))) == str(root / "mine.yml")
    (root / "data.yaml").write_text("names: [dog]\n")
    assert find_yaml(Tree.at(str(root))) == str(root / "data.yaml")
    (root / "data.yaml").write_bytes(b"names: [\xe9]\n")
    with pytest.raises(BadInput, match="can't be read"):
        find_yaml(Tree.at(str(root)))


@pytest.mark.parametrize("place", ["train/images/data.yaml", "train/data.yaml", "data.yaml"])
def test_names_are_found_at_and_above_the_images(root, place):
    (root / place).write_text("names: [cat]\n")
    data = names_for(str(root / "train" / "images"))
    assert data is not None and data.names == {0: "cat"} and data.file == str(root / place)


def test_names_of_labelimg_and_darknet(root):
    assert names_for(str(root / "train" / "images")) is None
    (root / "train" / "labels").mkdir()
    (root / "train" / "labels" / "classes.txt").write_text("cat\n\ndog\n")
    data = names_for(str(root / "train" / "images"))
    assert data is not None and data.names == {0: "cat", 2: "dog"}
