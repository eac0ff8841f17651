from __future__ import annotations

import json

import pytest

from components.example_gen.read import read_split
from components.example_gen.stated_splits import stated_splits
from detection.errors import BadInput

XML = "<annotation></annotation>"
COCO = json.dumps({"images": [], "annotations": [], "categories": []})


@pytest.fixture
def root(tmp_path):
    def make(*names, text="x"):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return str(tmp_path)

    return make


def relative(root, splits):
    return {split: [path.removeprefix(root + "/") for path in paths] for split, paths in splits.items()}


def test_folders(root):
    at = root("docs/a.xml")
    root("Train/a.jpg", "valid/a.jpg", "test/a.jpg", "Train/a.xml", "valid/a.xml", "test/a.xml", text=XML)
    expected = {"train": ["Train"], "eval": ["valid"], "test": ["test"]}
    assert relative(at, stated_splits(at, "auto")) == expected == relative(at, stated_splits(at, "voc"))
    assert stated_splits(at, "csv") == stated_splits(at, "images") == {}


@pytest.mark.parametrize("home", ["images", "JPEGImages"])
def test_folders_below_the_one_for_images(root, home):
    files = [f"{home}/{split}/{name}" for split in ("train", "test") for name in ("a.jpg", "a.xml")]
    at = root(*files, text=XML)
    assert relative(at, stated_splits(at, "auto")) == {"train": [f"{home}/train"], "eval": [f"{home}/test"]}


def test_voc_with_folders_for_both(root):
    files = [
        f"{kind}/{s}/a.{suffix}"
        for kind, suffix in (("images", "jpg"), ("Annotations", "xml"))
        for s in ("train", "val")
    ]
    at = root(*files, text=XML)
    expected = {"train": ["images/train"], "eval": ["images/val"]}
    assert relative(at, stated_splits(at, "auto")) == relative(at, stated_splits(at, "voc")) == expected
    for data_format in ("auto", "voc"):
        (record,) = read_split(f"{at}/images/train", data_format, "train")
        assert (record.name, record.annotation) == ("images/train/a.jpg", f"{at}/Annotations/train/a.xml")


def test_yolo_without_a_data_yaml(root):
    files = [
        f"{kind}/{s}/a.{suffix}"
        for kind, suffix in (("images", "jpg"), ("labels", "txt"))
        for s in ("train", "val")
    ]
    at = root(*files, text="0 0.5 0.5 1 1")
    root("classes.txt")
    assert relative(at, stated_splits(at, "auto")) == {"train": ["images/train"], "eval": ["images/val"]}
    assert [len(record.boxes) for record in read_split(f"{at}/images/train", "auto", "train")] == [1]


def test_tests_evaluate_where_nothing_else_does(root):
    at = root("train/a.xml", "test/a.xml", "train/a.jpg", "test/a.jpg", text=XML)
    assert relative(at, stated_splits(at, "auto")) == {"train": ["train"], "eval": ["test"]}


@pytest.mark.parametrize("more", ["extra/b.jpg", "b.jpg", "without_xml/b.jpg"])
def test_what_belongs_to_no_split_is_not_lost(root, more):
    root("train/a.xml", "test/a.xml", "train/a.jpg", "test/a.jpg", "extra/b.xml", text=XML)
    at = root(more)
    with pytest.raises(BadInput, match="to which split these belong"):
        stated_splits(at, "auto")


def test_records_made_from_the_data_state_nothing_beside_them(root):
    at = root("images/a.xml", text=XML)
    root("images/a.jpg", "train.record", "val.record")
    assert stated_splits(at, "auto") == {}
    assert relative(at, stated_splits(at, "tfrecord")) == {"train": ["train.record"], "eval": ["val.record"]}


@pytest.mark.parametrize(
    "names", [["train/a.xml"], ["valid/a.xml", "test/a.xml"], ["train/a.jpg", "val/a.jpg"]]
)
def test_half_a_statement_is_none(root, names):
    assert stated_splits(root(*names), "auto") == {}


def test_coco(root):
    names = [f"annotations/instances_{split}2017.json" for split in ("train", "val")]
    at = root(*names, "train2017/1.jpg", "val2017/1.jpg", "annotations/captions_train2017.json", text=COCO)
    assert relative(at, stated_splits(at, "auto")) == {"train": names[:1], "eval": names[1:]}


def test_coco_as_services_export_it(root):
    names = [f"{split}/_annotations.coco.json" for split in ("train", "valid", "test")]
    at = root(*names, text=COCO)
    splits = relative(at, stated_splits(at, "coco"))
    assert splits == dict(zip(("train", "eval", "test"), ([name] for name in names), strict=True))


def test_image_sets_of_several_years(root):
    sets = [
        f"VOC{y}/ImageSets/Main/{s}.txt"
        for s in ("train", "val", "trainval", "dog_train")
        for y in (2007, 2012)
    ]
    at = root(*sets)
    root("VOC2007/Annotations/1.xml", "VOC2012/Annotations/1.xml", text=XML)
    assert relative(at, stated_splits(at, "auto")) == {"train": sets[:2], "eval": sets[2:4]}


@pytest.mark.parametrize("main", ["ImageSets/Main", "ImageSets"])
def test_lists_for_other_tasks_divide_nothing(root, main):
    sets = [f"{main}/train.txt", f"{main}/val.txt"]
    others = [
        f"ImageSets/{kind}/{split}.txt" for kind in ("Layout", "Zoo") for split in ("train", "val", "test")
    ]
    at = root(*sets, *others)
    root("Annotations/1.xml", text=XML)
    assert relative(at, stated_splits(at, "auto")) == {"train": sets[:1], "eval": sets[1:]}


def test_trainval_trains_where_there_is_no_train(root):
    sets = [f"VOC2007/ImageSets/Main/{name}.txt" for name in ("trainval", "test")]
    at = root(*sets)
    root("VOC2007/Annotations/1.xml", text=XML)
    assert relative(at, stated_splits(at, "auto")) == {"train": sets[:1], "eval": sets[1:]}


def test_tables(root):
    at = root("train_labels.csv", "test_labels.csv", "train/1.jpg", "test/1.jpg")
    assert relative(at, stated_splits(at, "auto")) == {
        "train": ["train_labels.csv"],
        "eval": ["test_labels.csv"],
    }


def test_a_pattern_or_a_file_states_nothing(root):
    at = root("train.record", "val.record")
    assert relative(at, stated_splits(at, "auto")) == {"train": ["train.record"], "eval": ["val.record"]}
    assert stated_splits(at + "/*.record", "auto") == stated_splits(at + "/train.record", "auto") == {}


def test_the_folders_that_a_former_run_wrote(root):
    names = [f"Split-{split}/examples-00000-of-00001.tfrecord.gz" for split in ("train", "eval")]
    at = root(*names)
    assert relative(at, stated_splits(at, "auto")) == {"train": names[:1], "eval": names[1:]}


def test_a_folder_above_says_nothing(root):
    at = root("train/one/a.xml", "train/two/a.xml") + "/train"
    assert stated_splits(at, "auto") == {}
