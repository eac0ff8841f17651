from __future__ import annotations

import pytest

from components.example_gen.records import GoodBox
from components.example_gen.statistics import SplitStatistics, summarise
from detection.errors import Failed


def box(label="cat", height=0.5, width=0.25):
    return GoodBox(0.1, 0.2, 0.1 + height, 0.2 + width, label, 1, False, False)


def shard(images=1, quarantined=0, labels=("cat",)):
    counted = SplitStatistics(
        images_read=images + quarantined,
        images_quarantined=quarantined,
        boxes_read=images * len(labels) + quarantined,
        boxes_quarantined=quarantined,
        findings_by_code={"DATA001": quarantined} if quarantined else {},
        shards=1,
    )
    for _ in range(images):
        counted.add_written([((200, 100), [box(label) for label in labels])])
    return counted


def test_counts_by_split_and_class():
    shards = [
        ("train", shard(2, quarantined=1)),
        ("train", shard(1, labels=("dog", "dog"))),
        ("eval", shard()),
    ]
    statistics = summarise(5, 6, shards, ("train", "eval"), ["cat", "dog", "bird"])
    assert (statistics.images_read, statistics.images_written, statistics.images_quarantined) == (5, 4, 1)
    assert (statistics.boxes_read, statistics.boxes_written, statistics.boxes_quarantined) == (6, 5, 1)
    assert statistics.findings_by_code == {"DATA001": 1}
    train = statistics.splits["train"]
    assert (train.images_read, train.images_written, train.shards) == (4, 3, 2)
    assert train.boxes_by_class == {"cat": 2, "dog": 2, "bird": 0}
    assert train.images_by_class == {"cat": 2, "dog": 1}
    assert statistics.splits["eval"].boxes_by_class == {"cat": 1, "dog": 0, "bird": 0}


def test_histograms_of_what_is_written():
    counted = SplitStatistics()
    two = [box(height=0.5, width=0.5), box(height=0.1, width=0.1)]
    counted.add_written([((640, 480), two), ((640, 480), [])])

    def bins(histogram):
        return {edge: n for edge, n in zip(histogram.lower_edges, histogram.counts, strict=True) if n}

    assert bins(counted.box_sizes) == {0.0884: 1, 0.5: 1}
    assert bins(counted.box_aspects) == {1.25: 2}  # square in shares is 4:3 in pixels
    assert bins(counted.objects_per_image) == {0: 1, 2: 1}
    assert bins(counted.image_widths) == {640: 2}
    assert bins(counted.image_heights) == {384: 2}
    assert counted.images_without_boxes == 1 and counted.images_by_class == {"cat": 1}

    one_by_one = SplitStatistics()
    one_by_one.add_written([((640, 480), two)])
    one_by_one.add_written([((640, 480), [])])
    assert one_by_one == counted


@pytest.mark.parametrize(("images", "boxes"), [(4, 5), (2, 3), (3, 2), (3, 4)])
def test_a_lost_or_doubled_image_or_box_fails(images, boxes):
    what = "images" if images != 3 else "boxes"
    with pytest.raises(Failed, match=f"the {what} don't balance"):
        summarise(images, boxes, [("train", shard(3))], ("train", "eval"), ["cat"])
    assert summarise(3, 3, [("train", shard(3))], ("train", "eval"), ["cat"]).boxes_written == 3
