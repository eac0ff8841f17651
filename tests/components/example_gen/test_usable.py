from __future__ import annotations

import hashlib

import pytest

from components.example_gen.records import DataOptions, Finding
from components.example_gen.statistics import DataStatistics, SplitStatistics
from components.example_gen.usable import find_leaks, require_usable
from detection.errors import BadInput

OPTIONS = DataOptions(train="train_folder", eval="eval_folder", test="test_folder", label_map="y")


def row(split, name, content="", *findings, written=True):
    sha256 = hashlib.sha256(content.encode()).hexdigest() if content else ""
    listed = [Finding(name, place, code, action, f"about {name}").row() for place, code, action in findings]
    return {
        "split": split,
        "name": name,
        "sha256": sha256,
        "findings": listed,
        "written": written and bool(content),
    }


def statistics_of(images=(100, 0), boxes=(200, 0), **boxes_written):
    counts = {"train": 5, "eval": 5, **boxes_written}
    splits = {split: SplitStatistics(boxes_written=written) for split, written in counts.items()}
    return DataStatistics.model_construct(
        images_read=images[0],
        images_quarantined=images[1],
        boxes_read=boxes[0],
        boxes_quarantined=boxes[1],
        splits=splits,
    )


def test_leaks_are_listed_once_for_each_picture_and_pair_of_splits():
    rows = [
        row("train", "b", "x"),
        row("train", "a", "x"),
        row("eval", "f", "x"),
        row("eval", "e", "x"),
        row("train", "c", "y"),
        row("train", "c2", "y"),
        row("eval", "g", "z"),
        row("test", "h", "z"),
        row("test", "i", "x"),
        row("train", "lost"),
        row("eval", "lost"),
        {"split": "train", "shard": "examples-0"},
    ]
    found = [
        (split, finding.code, finding.action, finding.detail) for split, finding in find_leaks(rows, OPTIONS)
    ]
    assert found == [
        ("eval", "DATA011", "kept", "train a = eval e"),
        ("test", "DATA011", "kept", "eval g = test h"),
        ("test", "DATA011", "kept", "train a = test i"),
    ]
    assert find_leaks(rows, OPTIONS.model_copy(update={"eval": None, "test": None})) == []


def test_what_is_not_written_leaks_nothing():
    """Two empty files are the same, and no picture."""
    rows = [row("train", "a", "x", written=False), row("eval", "b", "x"), row("test", "c", "y")]
    rows += [row("train", "d", "y"), row("test", "e", "z"), row("eval", "f", "z", written=False)]
    assert [finding.detail for _, finding in find_leaks(rows, OPTIONS)] == ["train d = test c"]


def test_a_leak_is_an_error_unless_the_options_allow_it():
    leaks = find_leaks(
        [row("train", f"{i:02d}", f"{i}") for i in range(12)]
        + [row("eval", f"e{i:02d}", f"{i}") for i in range(12)],
        OPTIONS,
    )
    with pytest.raises(BadInput, match="DATA011 the same image in two splits: 12 images") as caught:
        require_usable(statistics_of(), [], OPTIONS, leaks)
    assert "train 00 = eval e00" in str(caught.value) and "and 2 more" in str(caught.value)
    require_usable(statistics_of(), [], OPTIONS.model_copy(update={"allow_leak": True}), leaks)


def test_the_threshold_with_the_top_reasons():
    rows = [row("train", f"{i}", f"{i}", (None, "DATA001", "quarantined")) for i in range(4)]
    rows += [
        row("train", "b", "b", ("object 1 (ct)", "DATA010", "quarantined"), (None, "DATA015", "quarantined"))
    ]
    rows += [row("train", "k", "k", ("object 1 (cat)", "DATA006", "clipped"))]
    require_usable(statistics_of(images=(100, 5)), rows, OPTIONS, [])
    with pytest.raises(BadInput, match=r"5 of 99 images can't be used \(5.1%, allowed are 5.0%\)") as caught:
        require_usable(statistics_of(images=(99, 5)), rows, OPTIONS, [])
    lines = caught.value.what.splitlines()[1:]
    assert lines == [
        "    DATA001 the image can't be decoded: 4, e.g. 0: about 0",
        "    DATA010 a label that isn't in the label map: 1, e.g. b, object 1 (ct): about b",
        "    DATA015 no usable box is left of those annotated: 1, e.g. b: about b",
    ]
    assert caught.value.where == "train_folder" and caught.value.exit_code == 78
    with pytest.raises(BadInput, match="11 of 200 boxes"):
        require_usable(statistics_of(boxes=(200, 11)), rows, OPTIONS, [])
    require_usable(
        statistics_of(images=(99, 5)), rows, OPTIONS.model_copy(update={"max_quarantined": 0.2}), []
    )


def test_what_is_left_out_on_purpose_is_no_fault():
    rows = [row("train", f"{i}", f"{i}", (None, "DATA027", "left out")) for i in range(50)]
    rows += [row("train", "c", "c", *((f"annotation {i} (cat)", "DATA030", "left out") for i in range(30)))]
    require_usable(statistics_of(images=(100, 50), boxes=(200, 30)), rows, OPTIONS, [])
    with pytest.raises(BadInput, match="6 of 100 images"):
        require_usable(statistics_of(images=(100, 56)), rows, OPTIONS, [])


@pytest.mark.parametrize("split, fix", [("train", "add annotated images"), ("eval", "or name data.eval")])
def test_a_split_without_boxes(split, fix):
    with pytest.raises(BadInput, match=f"the {split} split has no usable box") as caught:
        require_usable(statistics_of(**{split: 0}), [], OPTIONS, [])
    assert fix in caught.value.fix and caught.value.where == f"{split}_folder"
