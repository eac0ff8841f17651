"""Counts what was read, written and set aside, and proves that the totals balance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from components.example_gen.histograms import (
    BOX_ASPECT_EDGES,
    BOX_SIZE_EDGES,
    OBJECT_EDGES,
    PIXEL_EDGES,
    Histogram,
)
from components.example_gen.records import GoodBox
from detection.errors import Failed

WrittenImage = tuple[tuple[int, int], Sequence[GoodBox]]  # (width, height) in pixels, its checked boxes


def _histogram(edges: Sequence[float]) -> Histogram:
    return Field(default_factory=lambda: Histogram.of(edges))


class SplitStatistics(BaseModel):
    """One split, or one shard of it, as written; `images_by_class` counts images that show a class at all.

    `box_sizes` are square roots of the share of the image, `box_aspects` width / height in pixels,
    `image_widths` and `image_heights` pixels.
    """

    images_read: int = 0
    images_written: int = 0
    images_quarantined: int = 0
    images_without_boxes: int = 0
    boxes_read: int = 0
    boxes_written: int = 0
    boxes_quarantined: int = 0
    boxes_by_class: dict[str, int] = {}
    images_by_class: dict[str, int] = {}
    findings_by_code: dict[str, int] = {}
    shards: int = 0
    shard_bytes: int = 0
    box_sizes: Histogram = _histogram(BOX_SIZE_EDGES)
    box_aspects: Histogram = _histogram(BOX_ASPECT_EDGES)
    objects_per_image: Histogram = _histogram(OBJECT_EDGES)
    image_widths: Histogram = _histogram(PIXEL_EDGES)
    image_heights: Histogram = _histogram(PIXEL_EDGES)

    def add_written(self, images: Sequence[WrittenImage]) -> None:
        """Counts images that were written; many at a time cost a third of one by one."""
        self.images_written += len(images)
        self.images_without_boxes += sum(not boxes for _, boxes in images)
        self.boxes_written += sum(len(boxes) for _, boxes in images)
        self.image_widths.add(width for (width, _), _ in images)
        self.image_heights.add(height for (_, height), _ in images)
        self.objects_per_image.add(len(boxes) for _, boxes in images)
        sizes: list[float] = []
        aspects: list[float] = []
        labels: list[str] = []
        shown: list[str] = []
        for (width, height), boxes in images:
            of_image = [box.label for box in boxes]
            labels += of_image
            shown += dict.fromkeys(of_image)
            for box in boxes:
                across, down = box.xmax - box.xmin, box.ymax - box.ymin
                sizes.append((across * down) ** 0.5)
                aspects.append(across * width / (down * height))
        self.box_sizes.add(sizes)
        self.box_aspects.add(aspects)
        for counts, found in ((self.boxes_by_class, labels), (self.images_by_class, shown)):
            for label, count in Counter(found).items():
                counts[label] = counts.get(label, 0) + count

    def merge(self, other: SplitStatistics) -> None:
        """Adds all that another counted."""
        for name in type(self).model_fields:
            mine, theirs = getattr(self, name), getattr(other, name)
            if isinstance(mine, Histogram):
                mine.merge(theirs)
            elif isinstance(mine, dict):
                for key, count in theirs.items():
                    mine[key] = mine.get(key, 0) + count
            else:
                setattr(self, name, mine + theirs)


class DriftFinding(BaseModel):
    """One thing that moved: `what` is a class's share of the boxes, or the distribution of box sizes.

    `before` and `now` are shares (None for a distribution), `moved` is the distance, 0 to 1.
    """

    split: str
    what: Literal["class_frequency", "box_size"]
    label: str = ""
    before: float | None = None
    now: float | None = None
    moved: float
    allowed: float

    def text(self) -> str:
        """One sentence."""
        if self.what == "box_size":
            return (
                f"{self.split}: the distribution of box sizes moved by {self.moved:.3f} "
                f"(allowed {self.allowed:g})"
            )
        return (
            f"{self.split}: {self.label} was {self.before:.1%} of the boxes, now {self.now:.1%} "
            f"(allowed {self.allowed:.1%} more or less)"
        )


class DataStatistics(BaseModel):
    """statistics.json: the whole data set and each split. `drift` compares with the span before, if asked."""

    images_read: int
    images_written: int
    images_quarantined: int
    boxes_read: int
    boxes_written: int
    boxes_quarantined: int
    findings_by_code: dict[str, int]
    splits: dict[str, SplitStatistics]
    drift: list[DriftFinding] = []


def summarise(
    images_read: int,
    boxes_read: int,
    shards: Iterable[tuple[str, SplitStatistics]],
    splits: Sequence[str],
    names: Sequence[str],
) -> DataStatistics:
    """Counts each total where it arises: read at the readers, written at the shards, the rest at the checks.

    Args:
      images_read: that the readers found; `boxes_read` likewise.
      shards: the split of each shard, and what was counted as it was written.
      names: every class of the label map, so that a class without boxes shows as 0.

    Raises:
      Failed: images or boxes read don't equal those written and those set aside.
    """
    totals = {split: SplitStatistics(boxes_by_class=dict.fromkeys(names, 0)) for split in splits}
    for split, counted in shards:
        totals[split].merge(counted)
    codes: Counter[str] = Counter()
    for total in totals.values():
        codes.update(total.findings_by_code)
        total.findings_by_code = dict(sorted(total.findings_by_code.items()))
        total.images_by_class = dict(sorted(total.images_by_class.items()))
    every = totals.values()
    statistics = DataStatistics(
        images_read=images_read,
        images_written=sum(s.images_written for s in every),
        images_quarantined=sum(s.images_quarantined for s in every),
        boxes_read=boxes_read,
        boxes_written=sum(s.boxes_written for s in every),
        boxes_quarantined=sum(s.boxes_quarantined for s in every),
        findings_by_code=dict(sorted(codes.items())),
        splits=totals,
    )
    _require_balance("images", images_read, statistics.images_written, statistics.images_quarantined)
    _require_balance("boxes", boxes_read, statistics.boxes_written, statistics.boxes_quarantined)
    return statistics


def _require_balance(what: str, read: int, written: int, quarantined: int) -> None:
    if read != written + quarantined:
        raise Failed(
            f"the {what} don't balance: {read} read, but {written} written + {quarantined} set aside",
            "ExampleGen",
            "a reader, check or writer loses some; please report it with the data set",
        )
