from __future__ import annotations

import pytest

from components.example_gen.read import read_dataset, read_split, resolve
from detection.errors import BadInput
from tests.components.example_gen.listing import list_files


def test_splits_are_as_given(voc_data):
    voc_data.add("train", "a")
    assert [r.split for r in read_dataset(voc_data.options())] == [""]
    voc_data.add("eval", "b")
    assert [(r.split, r.name) for r in read_dataset(voc_data.options())] == [
        ("train", "a.jpg"),
        ("eval", "b.jpg"),
    ]


def test_files_of_the_fingerprint(voc_data):
    a = voc_data.add("train", "a")
    lonely = voc_data.add("train", "lonely", image=None)
    bare, b = voc_data.add("train", "bare", xml=None), voc_data.add("eval", "b")
    (voc_data.root / "train" / "notes.txt").write_text("not data")
    label_map = voc_data.root / "label_map.pbtxt"
    expected = [
        a,
        a.with_suffix(".xml"),
        lonely.with_suffix(".xml"),
        bare,
        b,
        b.with_suffix(".xml"),
        label_map,
    ]
    assert list_files(voc_data.options()) == sorted(map(str, expected))


def test_missing_and_empty(voc_data):
    with pytest.raises(BadInput, match="isn't there"):
        read_dataset(voc_data.options())
    (voc_data.root / "train").mkdir()
    with pytest.raises(BadInput, match="holds no images"):
        read_dataset(voc_data.options())
    with pytest.raises(BadInput, match="empty"):
        read_dataset(voc_data.options(format="voc"))
    with pytest.raises(BadInput, match="no CSV"):
        read_dataset(voc_data.options(format="csv"))
    for data_format, said in (
        ("coco", "no COCO JSON"),
        ("tfrecord", "no TFRecord"),
        ("yolo", "names of the"),
    ):
        with pytest.raises(BadInput, match=said):
            read_dataset(voc_data.options(format=data_format))
    with pytest.raises(BadInput, match="isn't a folder"):
        read_split(voc_data.root / "label_map.pbtxt", "images", "")
    with pytest.raises(BadInput, match="Pascal VOC data is a folder"):
        read_split(voc_data.root / "label_map.pbtxt", "voc", "")


def test_a_folder_of_images_beside_the_annotated_ones(voc_data):
    voc_data.add("train", "a")
    voc_data.add("empty", "a", xml=None)
    records = read_dataset(voc_data.options(train=[voc_data.root / "train", voc_data.root / "empty"]))
    assert [(r.name, len(r.boxes), r.annotation is None) for r in records] == [
        ("train/a.jpg", 1, False),
        ("empty/a.jpg", 0, True),
    ]


def test_the_splits_that_a_data_set_states_are_taken(voc_data):
    for split in ("train", "valid", "test"):
        voc_data.add(split, split)
    root = voc_data.root
    options = resolve({"train": root, "label_map": root / "label_map.pbtxt"})
    assert (options.train, options.eval, options.test) == (
        (f"{root}/train",),
        (f"{root}/valid",),
        (f"{root}/test",),
    )
    assert resolve(options) == options
    assert [(r.split, r.name) for r in read_dataset(options)] == [
        ("train", "train.jpg"),
        ("eval", "valid.jpg"),
        ("test", "test.jpg"),
    ]
    taken_apart = resolve({"train": [root / "train", root / "valid"], "label_map": root / "label_map.pbtxt"})
    assert taken_apart.eval is None


def test_several_spans_together(voc_data):
    root = voc_data.root
    for span in ("8", "9", "10"):
        for split in ("train", "eval"):
            voc_data.add(f"span-{span}-{split}", "a")
            (root / f"span-{span}").mkdir(exist_ok=True)
            (root / f"span-{span}-{split}").rename(root / f"span-{span}" / split)
    data = {
        "train": f"{root}/span-{{SPAN}}/train",
        "eval": f"{root}/span-{{SPAN}}/eval",
        "label_map": root / "label_map.pbtxt",
    }
    options = resolve({**data, "spans": 2})
    assert options.train == (f"{root}/span-9/train", f"{root}/span-10/train")
    assert (options.span, options.spans) == ("10", 1)
    assert resolve(options) == options
    assert [(r.split, r.name) for r in read_dataset(options)] == [
        ("train", "span-9/train/a.jpg"),
        ("train", "span-10/train/a.jpg"),
        ("eval", "span-9/eval/a.jpg"),
        ("eval", "span-10/eval/a.jpg"),
    ]
    assert resolve({**data, "span": "9"}).train == (f"{root}/span-9/train",)


def test_data_that_may_not_be_read(voc_data, monkeypatch):
    (voc_data.root / "train_labels.csv").write_text("filename,width,height,class,xmin,ymin,xmax,ymax\n")

    def forbidden(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("components.example_gen.file_systems.read_bytes", forbidden)
    with pytest.raises(BadInput, match="the data can't be read: .*Permission denied"):
        read_split(voc_data.root / "train_labels.csv", "auto", "")
