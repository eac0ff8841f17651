from __future__ import annotations

import pytest

from components.example_gen.encode import Outcome
from components.example_gen.records import BoxRecord, Finding, GoodBox, ImageRecord
from components.example_gen.shard_report import Offender, Sample, ShardReport


def box(mask=None):
    return GoodBox(0, 0, 0.5, 0.5, "cat", 1, False, False, mask=mask)


def finding(code, place="object 1 (cat)", action="quarantined"):
    return Finding("a.jpg", place, code, action, "why")


RECORD = ImageRecord(
    "train", "a.jpg", None, None, (BoxRecord("object 1", "cat", 1, 1, 9, 9, mask=b"png"),) * 3
)


def outcome(boxes, findings=(), example=b"example"):
    return Outcome("train", "a.jpg", "s", 3, list(findings), (100, 80), list(boxes), example)


@pytest.mark.parametrize("written", [True, False])
def test_what_is_set_aside_is_counted(written):
    report = ShardReport("train")
    if written:
        report.add(RECORD, outcome([box(b"png")] * 2, [finding("DATA007")]))
    else:
        report.add(RECORD, outcome([], [finding("DATA007")] * 3 + [finding("DATA015", None)], example=None))
    counted = report.statistics
    assert (counted.images_read, counted.images_written, counted.images_quarantined) == (
        1,
        written,
        not written,
    )
    assert (counted.boxes_read, counted.boxes_written, counted.boxes_quarantined) == (
        (3, 2, 1) if written else (3, 0, 3)
    )
    assert counted.findings_by_code == ({"DATA007": 1} if written else {"DATA007": 3, "DATA015": 1})
    assert report.offenders["DATA007"][0].detail == "object 1 (cat): why"
    assert len(report.samples) == written


def test_it_comes_back_from_its_file_without_the_masks(tmp_path):
    report = ShardReport("train")
    report.add(RECORD, outcome([box(b"png")], [finding("DATA007")]))
    report.write(str(tmp_path / "report"))
    back = ShardReport.read(str(tmp_path / "report"))
    assert back.statistics == report.statistics
    assert back.samples == report.samples and back.offenders == report.offenders
    assert all(one.mask is None for one in back.samples[0].boxes)
    assert all(one.mask is None for one in back.offenders["DATA007"][0].record.boxes)


def test_reports_keep_the_worst_and_merge_to_the_same_whatever_the_parts():
    def part(counts):
        report = ShardReport("train")
        for count in counts:
            record = ImageRecord("train", f"{count}", None, None)
            report.merge(
                ShardReport(
                    "train",
                    samples=[Sample(f"{count:04d}", record, ())],
                    offenders={"DATA007": [Offender(count, f"{count:04d}", record, "")]},
                )
            )
        return report

    whole, halves = part(range(40)), part(range(0, 40, 2))
    halves.merge(part(range(1, 40, 2)))
    assert [one.count for one in whole.offenders["DATA007"]] == [39, 38, 37, 36, 35, 34]
    assert whole.offenders == halves.offenders and whole.samples == halves.samples
    assert [sample.sha256 for sample in whole.samples] == [f"{i:04d}" for i in range(12)]
