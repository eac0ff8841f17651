from __future__ import annotations

import pytest

from components.example_gen.records import BoxRecord, DataOptions, ImageRecord
from components.example_gen.statistics import require_usable, summarise
from detection.errors import BadInput, Failed

RECORDS = [
    ImageRecord("train", f"{i}.jpg", None, None, (BoxRecord("object 1", "cat", 1, 1, 2, 2),))
    for i in range(4)
]


def row(name, split="train", written=True, sha="", code=None):
    findings = []
    if code:
        findings = [{"file": name, "object": None, "code": code, "action": "quarantined", "detail": "why"}]
    return {
        "split": split,
        "name": name,
        "sha256": sha or name,
        "boxes_read": 1,
        "labels": {"cat": 1} if written else {},
        "written": written,
        "findings": findings,
    }


def shard(split, images):
    return {"shard": "x", "split": split, "images": images, "boxes": images}


GOOD = [row("0.jpg"), row("1.jpg"), row("2.jpg"), row("3.jpg", "eval")]
OPTIONS = DataOptions(train="/data", label_map="/data/l.pbtxt")


def test_counts_by_split_and_class():
    rows = [row("0.jpg"), row("1.jpg"), row("2.jpg", written=False, code="DATA001"), row("3.jpg", "eval")]
    statistics = summarise(RECORDS, [*rows, shard("train", 2), shard("eval", 1)], ["cat", "dog"])
    assert (statistics.images_read, statistics.images_written, statistics.images_quarantined) == (4, 3, 1)
    assert (statistics.boxes_read, statistics.boxes_written, statistics.boxes_quarantined) == (4, 3, 1)
    assert statistics.findings_by_code == {"DATA001": 1}
    train = statistics.splits["train"]
    assert (train.images_read, train.images_written, train.shards) == (3, 2, 1)
    assert train.boxes_by_class == {"cat": 2, "dog": 0}
    with pytest.raises(BadInput, match=r"1 of 4 images can't be used \(25.0%, allowed are 5.0%\)") as caught:
        require_usable(statistics, rows, OPTIONS)
    assert "DATA001 the image can't be decoded: 1, e.g. 2.jpg: why" in str(caught.value)
    generous = OPTIONS.model_copy(update={"max_quarantined": 0.25})
    require_usable(statistics, rows, generous)


@pytest.mark.parametrize("train_images", [2, 4])
def test_a_lost_or_doubled_image_fails(train_images):
    with pytest.raises(Failed, match=f"images don't balance: 4 read, but {train_images + 1} written"):
        summarise(RECORDS, [*GOOD, shard("train", train_images), shard("eval", 1)], ["cat"])


def test_a_lost_row_fails():
    with pytest.raises(Failed, match="don't balance"):
        summarise(RECORDS, [*GOOD[1:], shard("train", 2), shard("eval", 1)], ["cat"])


def test_the_same_image_in_both_splits():
    rows = [row("0.jpg", sha="s"), row("1.jpg"), row("2.jpg"), row("3.jpg", "eval", sha="s")]
    statistics = summarise(RECORDS, [*rows, shard("train", 3), shard("eval", 1)], ["cat"])
    with pytest.raises(BadInput, match="DATA011") as caught:
        require_usable(statistics, rows, OPTIONS)
    assert "train 0.jpg = eval 3.jpg" in str(caught.value)


def test_an_empty_split():
    rows = [row(f"{i}.jpg") for i in range(4)]
    statistics = summarise(RECORDS, [*rows, shard("train", 4), shard("eval", 0)], ["cat"])
    with pytest.raises(BadInput, match="the eval split has no usable box"):
        require_usable(statistics, rows, OPTIONS)
