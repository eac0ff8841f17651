from __future__ import annotations

from components.example_gen.contact_sheet import Sheet
from components.example_gen.data_report import write_report
from components.example_gen.records import DataOptions, GoodBox
from components.example_gen.statistics import DriftFinding, SplitStatistics, summarise


def counted(cats, dogs):
    split = SplitStatistics(shards=1)
    for label, count in (("cat", cats), ("dog", dogs)):
        for _ in range(count):
            split.images_read += 1
            split.boxes_read += 1
            split.add_written([((640, 480), [GoodBox(0, 0, 0.5, 0.5, label, 1, False, False)])])
    return split


def report(tmp_path, drift=None, moved=()):
    train, evaluation = counted(30, 10), counted(12, 0)
    train.images_read += 1
    train.images_quarantined = 1
    train.findings_by_code = {"DATA001": 1}
    statistics = summarise(
        53, 52, [("train", train), ("eval", evaluation)], ("train", "eval"), ["cat", "dog"]
    )
    statistics.drift = list(moved)
    options = DataOptions(train="/data", label_map="/l", drift=drift)
    write_report(statistics, [Sheet("train: as written", "contact_sheets/train.jpg")], options, str(tmp_path))
    return (tmp_path / "report.md").read_text()


def test_totals_classes_findings_and_pictures(tmp_path):
    text = report(tmp_path)
    assert "53 images read = 52 written + 1 set aside; 52 boxes read = 52 written + 0 set aside." in text
    assert "| cat | 30 (75.0%) | 12 (100.0%) |" in text
    assert "| dog | 10 (25.0%) | 0 (0.0%) |" in text
    assert "- dog has no boxes in eval" in text and "cat has" not in text
    assert "| DATA001 | the image can't be decoded | 1 |" in text
    assert "| from 0.5 | 40 | 12 |" in text  # box sizes
    assert "![train: as written](contact_sheets/train.jpg)" in text
    assert "Drift" not in text


def test_drift_is_told_where_it_was_asked_for(tmp_path):
    drift = {"box_size": 0.1}
    assert "Nothing moved beyond the thresholds." in report(tmp_path, drift)
    moved = DriftFinding(split="train", what="box_size", moved=0.4, allowed=0.1)
    assert f"- {moved.text()}" in report(tmp_path, drift, [moved])
