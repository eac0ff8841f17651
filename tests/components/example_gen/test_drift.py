from __future__ import annotations

import pytest

from components.example_gen.drift import compare, read_statistics, require_no_drift
from components.example_gen.records import DriftOptions, GoodBox
from components.example_gen.statistics import SplitStatistics, summarise
from detection.errors import BadInput, Failed


def span(cats, dogs, side=0.2):
    counted = SplitStatistics()
    for label, count in (("cat", cats), ("dog", dogs)):
        for _ in range(count):
            counted.images_read += 1
            counted.boxes_read += 1
            counted.add_written([((100, 100), [GoodBox(0, 0, side, side, label, 1, False, False)])])
    return summarise(cats + dogs, cats + dogs, [("train", counted)], ("train", "eval"), ["cat", "dog"])


OPTIONS = DriftOptions(class_frequency=0.1, box_size=0.1)


def test_an_equal_span_has_not_moved():
    assert compare(span(50, 50), span(500, 500), OPTIONS) == []
    assert compare(span(50, 50), span(45, 55), OPTIONS) == []


def test_few_boxes_move_by_chance():
    sharp = DriftOptions(class_frequency=0.01, box_size=0.01)
    assert compare(span(50, 50), span(2, 3), sharp) == []
    assert compare(span(5000, 5000), span(4000, 6000), sharp) != []
    assert compare(span(50, 50), span(1, 2, side=0.4), sharp) != []  # wholly other sizes are no chance


def test_a_class_that_grows_is_named():
    found = compare(span(50, 50), span(30, 70), OPTIONS)
    assert [(one.split, one.what, one.label) for one in found] == [
        ("train", "class_frequency", "cat"),
        ("train", "class_frequency", "dog"),
    ]
    assert found[0].text() == "train: cat was 50.0% of the boxes, now 30.0% (allowed 10.0% more or less)"
    assert compare(span(50, 50), span(30, 70), DriftOptions(class_frequency=None)) == []


def test_box_sizes_that_move_are_named():
    found = compare(span(50, 50), span(50, 50, side=0.4), OPTIONS)
    assert [(one.what, one.moved) for one in found] == [("box_size", 1.0)]
    assert "distribution of box sizes moved by 1.000" in found[0].text()
    assert compare(span(50, 50), span(50, 50, side=0.4), DriftOptions(box_size=None)) == []


def test_the_largest_move_comes_first_and_a_stop_names_it():
    found = compare(span(90, 10), span(10, 90, side=0.4), OPTIONS)
    assert [one.what for one in found] == ["box_size", "class_frequency", "class_frequency"]
    require_no_drift(found, OPTIONS, "/data/train")
    stop = OPTIONS.model_copy(update={"action": "stop"})
    require_no_drift([], stop, "/data/train")
    with pytest.raises(BadInput, match="cat was 90.0% of the boxes, now 10.0%") as caught:
        require_no_drift(found, stop, "/data/train")
    assert "/data/train" in str(caught.value)


def test_reads_what_a_run_wrote(tmp_path):
    before = span(3, 4)
    (tmp_path / "statistics.json").write_text(before.model_dump_json())
    assert read_statistics(str(tmp_path)) == before
    for text in ("{}", "nonsense"):
        (tmp_path / "statistics.json").write_text(text)
        with pytest.raises(Failed, match="statistics of the span before"):
            read_statistics(str(tmp_path))
    with pytest.raises(Failed):
        read_statistics(str(tmp_path / "absent"))
