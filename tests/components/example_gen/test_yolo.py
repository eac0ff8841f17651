from __future__ import annotations

import math

import pytest

from components.example_gen.read import read_split, resolve
from components.example_gen.records import Outline
from components.example_gen.tree import Tree
from components.example_gen.yolo import read_yolo
from components.example_gen.yolo_labels import has_labels
from detection.errors import BadInput
from tests.components.example_gen.listing import list_files


@pytest.fixture
def yolo(tmp_path, jpeg):
    """Writes DIR/images/NAME.jpg and DIR/labels/NAME.txt."""
    (tmp_path / "data.yaml").write_text("train: train/images\nval: valid/images\nnames: [cat, dog]\n")

    def add(folder, name, text="1 0.5 0.5 0.2 0.4\n", image=True):
        images, labels = tmp_path / folder / "images", tmp_path / folder / "labels"
        for kind in (images, labels):
            kind.mkdir(parents=True, exist_ok=True)
        if image:
            (images / f"{name}.jpg").write_bytes(jpeg())
        if text is not None:
            (labels / f"{name}.txt").write_text(text)
        return tmp_path

    return add


def test_boxes_are_shares(yolo):
    root = yolo("train", "a", "1 0.5 0.25 0.2 0.5\n\n0 0.1 0.1 0.2 0.2 0.93\n")
    (record,) = read_yolo(str(root / "train"), "train")
    assert record.shares and record.frame == (1, 1) and (record.width, record.height) == (0, 0)
    assert record.annotation == str(root / "train" / "labels" / "a.txt")
    first, second = record.boxes
    assert (first.place, first.label) == ("line 1", "dog")
    assert (first.xmin, first.ymin, first.xmax, first.ymax) == pytest.approx((0.4, 0.0, 0.6, 0.5))
    assert (second.place, second.label) == ("line 3", "cat")
    assert second.xmax == pytest.approx(0.2), "a score after the box is no coordinate"


def test_polygons_and_points(yolo):
    root = yolo("train", "a", "0 0.1 0.2 0.3 0.2 0.3 0.6 0.1 0.6\n")
    (box,) = read_yolo(str(root / "train"), "")[0].boxes
    assert (box.xmin, box.ymin, box.xmax, box.ymax) == (0.1, 0.2, 0.3, 0.6)
    assert box.mask is None
    (box,) = read_yolo(str(root / "train"), "", masks=True)[0].boxes
    assert box.mask == Outline("[[0.1, 0.2, 0.3, 0.2, 0.3, 0.6, 0.1, 0.6]]", shares=True)
    (root / "data.yaml").write_text("names: [cat]\nkpt_shape: [2, 2]\n")
    (box,) = read_yolo(str(root / "train"), "")[0].boxes
    assert (box.xmin, box.ymin) == pytest.approx((-0.05, 0.1))


@pytest.mark.parametrize("line", ["0 0.5 0.5 0.2", "0 0.5 0.5 0.2 x", "0", "0 1 2 3 4 5 6 y"])
def test_lines_without_a_box_become_nan(yolo, line):
    (record,) = read_yolo(str(yolo("train", "a", line) / "train"), "")
    assert math.isnan(record.boxes[0].xmin + record.boxes[0].ymax) and record.boxes[0].label == "cat"


@pytest.mark.parametrize("index", ["2", "-1", "0.5", "cat", "nan"])
def test_classes_without_a_name(yolo, index):
    (record,) = read_yolo(str(yolo("train", "a", f"{index} 0.5 0.5 0.2 0.2") / "train"), "")
    assert record.boxes[0].problem.code == "DATA020" and index in record.boxes[0].problem.detail


def test_negatives_lost_labels_and_lost_images(yolo):
    yolo("train", "empty", "")
    yolo("train", "bare", None)
    root = yolo("train", "orphan", image=False)
    (root / "train" / "labels" / "classes.txt").write_text("cat\ndog\n")
    bare, empty, orphan = read_yolo(str(root / "train"), "")
    assert bare.annotation is None and empty.annotation is not None and empty.boxes == ()
    assert orphan.source is None and orphan.name == "labels/orphan.txt" and len(orphan.boxes) == 1


def test_labels_beside_the_images(tmp_path, jpeg):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "a.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "gone.txt").write_text("0 0.5 0.5 1 1\n")
    (tmp_path / "notes about it.txt").write_text("taken in May\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    a, gone = read_yolo(str(tmp_path), "")
    assert (a.name, len(a.boxes), gone.name, gone.source) == ("a.jpg", 1, "gone.txt", None)
    assert has_labels(Tree.at(str(tmp_path)))


def test_the_layout_with_images_first(yolo, tmp_path, jpeg):
    for folder in ("images/train", "labels/train"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "images" / "train" / "a.jpg").write_bytes(jpeg())
    (tmp_path / "labels" / "train" / "a.txt").write_text("0 0.5 0.5 1 1")
    (tmp_path / "data.yaml").write_text("path: /datasets/mine\ntrain: images/train\nval:\nnames: {0: cat}\n")
    (record,) = read_yolo(str(tmp_path / "data.yaml"), "train")
    assert record.name == "images/train/a.jpg" and len(record.boxes) == 1


def test_a_list_of_images(yolo):
    root = yolo("train", "a")
    yolo("train", "b")
    (root / "train.txt").write_text("./train/images/a.jpg\ntrain/images/gone.jpg\n")
    (root / "data.yaml").write_text("train: train.txt\nnames: [cat, dog]\n")
    a, gone = read_yolo(str(root / "data.yaml"), "train")
    assert (a.name, len(a.boxes)) == ("train/images/a.jpg", 1)
    assert gone.source is None and gone.annotation == str(root / "train.txt")
    assert [record.name for record in read_yolo(str(root / "train.txt"), "")] == [a.name, gone.name]


@pytest.mark.parametrize("start", ["/home/me/set/", "C:\\set\\", "data/", "https://host/"])
def test_a_list_of_another_machine(yolo, start):
    yolo("train", "a")
    root = yolo("valid", "a")
    lines = [f"{start}train/images/a.jpg", f"{start}train/images/gone.jpg"]
    (root / "train.txt").write_text("\n".join(lines).replace("/", "\\" if "\\" in start else "/"))
    gone, a = sorted(read_yolo(str(root / "train.txt"), ""), key=lambda record: record.source is not None)
    assert (a.name, len(a.boxes)) == ("train/images/a.jpg", 1)
    assert gone.source is None and gone.annotation == str(root / "train.txt")


def test_an_orphan_with_exponents_is_an_object_too(tmp_path, jpeg):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "gone.txt").write_text("0 5e-01 0.5 1 1\n")
    (tmp_path / "classes.txt").write_text("cat\n")
    _, gone = read_yolo(str(tmp_path), "")
    assert gone.source is None and len(gone.boxes) == 1


def test_a_data_yaml_states_the_splits(yolo):
    yolo("train", "a")
    root = yolo("valid", "b")
    for train in (root, root / "data.yaml"):
        options = resolve({"train": train, "label_map": "/l"})
        assert options.train == options.eval == (str(root / "data.yaml"),)
    assert [r.name for r in read_split(root / "data.yaml", "auto", "eval")] == ["valid/images/b.jpg"]
    files = list_files({"train": root, "label_map": "/l"})
    assert str(root / "data.yaml") in files and len(files) == 6


def test_a_missing_train_split_is_noted_and_the_rest_is_to_be_divided(yolo):
    root = yolo("valid", "b")
    options = resolve({"train": root, "label_map": "/l"})
    assert options.eval is None
    (record,) = read_split(root, "auto", "")
    (note,) = record.notes
    assert (note.code, note.file, note.object) == ("DATA029", "data.yaml", "train")
    with pytest.raises(BadInput, match="its train images aren't there: it says train/images"):
        read_split(root, "auto", "train")
    with pytest.raises(BadInput, match="names no test images"):
        read_split(root, "auto", "test")


def test_without_a_split_for_validation_the_tests_evaluate(yolo):
    yolo("train", "a")
    root = yolo("test", "b")
    (root / "data.yaml").write_text("train: ../train/images\ntest: ../test/images\nnames: [cat, dog]\n")
    options = resolve({"train": root / "data.yaml", "label_map": "/l"})
    assert options.eval == (str(root / "test" / "images"),) and options.test is None
    assert len(read_split(options.eval[0], "auto", "eval")) == 1


def test_names_that_are_only_numbers_are_noted(yolo):
    root = yolo("train", "a", "0 0.5 0.5 1 1")
    (root / "data.yaml").write_text("train: train/images\nnames: ['0', dog]\n")
    (record,) = read_yolo(str(root / "data.yaml"), "")
    assert [(n.code, n.object) for n in record.notes] == [("DATA021", "class 0")]


def test_classes_without_names_anywhere(tmp_path, jpeg):
    (tmp_path / "deep" / "images").mkdir(parents=True)
    (tmp_path / "deep" / "images" / "a.jpg").write_bytes(jpeg())
    (tmp_path / "deep" / "images" / "a.txt").write_text("0 0.5 0.5 1 1")
    with pytest.raises(BadInput, match="names of the YOLO classes aren't found"):
        read_yolo(str(tmp_path / "deep" / "images"), "")


def test_labels_and_names_as_windows_writes_them(tmp_path, jpeg):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    (tmp_path / "a.txt").write_text("0 0.5 0.5 1 1\r\n", encoding="utf-16")
    (tmp_path / "classes.txt").write_text("cat\r\n", encoding="utf-16")
    (tmp_path / "train.txt").write_text(".\\a.jpg\r\n", encoding="utf-16")
    for place in (tmp_path, tmp_path / "train.txt"):
        (record,) = read_split(place, "auto", "")
        assert [box.label for box in record.boxes] == ["cat"] and record.source is not None


def test_a_label_that_is_no_text(yolo):
    root = yolo("train", "a")
    (root / "train" / "labels" / "a.txt").write_bytes(b"\xff\xfe\x00")
    (record,) = read_yolo(str(root / "train"), "")
    assert record.problem.code == "DATA013" and record.boxes == ()
