from __future__ import annotations

import pytest

from components.example_gen.read import detect_format, list_files, read_dataset
from detection.errors import BadInput


def test_format_is_found_out(voc_data, tmp_path):
    voc_data.add("train", "a")
    assert detect_format(voc_data.root / "train") == "voc"
    (voc_data.root / "train_labels.csv").write_text("filename,width,height,class,xmin,ymin,xmax,ymax\n")
    assert detect_format(voc_data.root / "train_labels.csv") == "csv"
    (voc_data.root / "train" / "a.xml").unlink()
    assert detect_format(voc_data.root / "train") == "csv"


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
    assert list_files(voc_data.options()) == sorted(expected)


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
    voc_data.add("train", "a", xml=None)
    with pytest.raises(BadInput, match="no annotations are found"):
        read_dataset(voc_data.options())
