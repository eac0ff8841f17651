"""What is kept of the images of one shard beside the shard: counts, statistics, the pictures to be shown."""

from __future__ import annotations

import heapq
import pickle
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from components.example_gen.encode import Outcome
from components.example_gen.file_systems import read_bytes
from components.example_gen.outputs import write_bytes
from components.example_gen.records import GoodBox, ImageRecord
from components.example_gen.statistics import SplitStatistics, WrittenImage
from components.example_gen.tfdv_statistics import TabularStatistics

SAMPLES = 12
OFFENDERS = 6
TOGETHER = 100  # images, with their masks in memory, that are counted at a time


@dataclass(frozen=True)
class Sample:
    """A written image, with the boxes as written."""

    sha256: str
    record: ImageRecord
    boxes: tuple[GoodBox, ...]


@dataclass(frozen=True)
class Offender:
    """An image with findings of one code: how many, and the first in words."""

    count: int
    sha256: str
    record: ImageRecord
    detail: str

    @property
    def order(self) -> tuple[int, str, str]:
        """The worst first: the most findings, then by content, so that the choice is the same each time."""
        return (-self.count, self.sha256, self.record.name)


@dataclass
class ShardReport:
    """One shard, or several of a split together."""

    split: str
    counted: SplitStatistics = field(default_factory=SplitStatistics)
    table: TabularStatistics = field(default_factory=TabularStatistics)
    samples: list[Sample] = field(default_factory=list)
    offenders: dict[str, list[Offender]] = field(default_factory=dict)
    # to be counted together: the boxes that were read, and the image if it is written
    waiting: list[tuple[int, WrittenImage | None]] = field(default_factory=list)

    @property
    def statistics(self) -> SplitStatistics:
        """What was counted."""
        self._count()
        return self.counted

    def add(self, record: ImageRecord, outcome: Outcome) -> None:
        """Counts one image; `outcome.example` has been written if it is there."""
        if outcome.findings:
            self._add_findings(record, outcome)
        written = (outcome.size, outcome.boxes) if outcome.example is not None else None
        self.waiting.append((outcome.boxes_read, written))
        if len(self.waiting) == TOGETHER:
            self._count()
        if written and len(self.samples) < SAMPLES:
            boxes = tuple(box if box.mask is None else box._replace(mask=None) for box in outcome.boxes)
            self.samples.append(Sample(outcome.sha256, _shown(record), boxes))

    def _count(self) -> None:
        if not self.waiting:
            return
        written = [image for _, image in self.waiting if image is not None]
        read = sum(boxes_read for boxes_read, _ in self.waiting)
        counted = self.counted
        counted.images_read += len(self.waiting)
        counted.images_quarantined += len(self.waiting) - len(written)
        counted.boxes_read += read
        counted.boxes_quarantined += read - sum(len(boxes) for _, boxes in written)
        counted.add_written(written)
        if written:
            self.table.add(written)
        self.waiting = []

    def _add_findings(self, record: ImageRecord, outcome: Outcome) -> None:
        by_code = self.counted.findings_by_code
        for code, count in Counter(finding.code for finding in outcome.findings).items():
            by_code[code] = by_code.get(code, 0) + count
            first = next(finding for finding in outcome.findings if finding.code == code)
            place = f"{first.object}: " if first.object else ""
            offender = Offender(count, outcome.sha256, _shown(record), f"{place}{first.detail}")
            self._offend(code, [offender])

    def merge(self, other: ShardReport) -> None:
        """Adds another of the same split."""
        self.statistics.merge(other.statistics)
        self.table.merge(other.table)
        # By content: as good as drawn by lot, and the same whatever the number of shards.
        self.samples = heapq.nsmallest(
            SAMPLES, [*self.samples, *other.samples], key=lambda sample: (sample.sha256, sample.record.name)
        )
        for code, found in other.offenders.items():
            self._offend(code, found)

    def write(self, path: str) -> None:
        """Writes it as a file of its own."""
        self._count()
        write_bytes(path, pickle.dumps(self, pickle.HIGHEST_PROTOCOL))

    @staticmethod
    def read(path: str) -> ShardReport:
        """What `write` wrote."""
        return cast(ShardReport, pickle.loads(read_bytes(path)))

    def _offend(self, code: str, found: list[Offender]) -> None:
        together = [*self.offenders.get(code, ()), *found]
        self.offenders[code] = heapq.nsmallest(OFFENDERS, together, key=lambda one: one.order)


def _shown(record: ImageRecord) -> ImageRecord:
    """The record without what a thumbnail doesn't show."""
    if all(box.mask is None for box in record.boxes):
        return record
    return record._replace(boxes=tuple(box._replace(mask=None) for box in record.boxes))
