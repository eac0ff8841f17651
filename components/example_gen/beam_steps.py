"""The steps of the Beam pipeline: they can be pickled, hold no state, and may run twice.

Beam's cost is by element, so many images travel in one, as bytes that it needn't look into.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from components.example_gen import shards
from components.example_gen.content import NOTHING, Content
from components.example_gen.encode import Outcome, examine, split_of
from components.example_gen.outputs import join, whole_file
from components.example_gen.record_batches import BATCH, read_batch, unpack_record
from components.example_gen.records import DataOptions, Finding, ImageRecord
from components.example_gen.row_files import write_rows
from components.example_gen.shard_report import ShardReport
from components.example_gen.sources import ImageSource
from detection.config.label_map import LabelMap
from detection.errors import Failed

COUNTERS = "example_gen"

Shard = tuple[str, int, int]  # split, index, number of the split's shards
# An image's Content.sha256, name, position, the rest of the Content, the packed record: sorted in this order.
Entry = tuple[str, str, int, int, int, bytes]


class NumberBatches(beam.DoFn):
    """Anything -> (number, nothing) for each file of records: what is grouped by key can be spread."""

    def __init__(self, count: int) -> None:
        self.count = count

    def process(self, _: bytes) -> Iterator[tuple[int, bytes]]:
        """Names no file, so the pipeline's description stays as small for any number of them."""
        return ((number, b"") for number in range(self.count))


class HashContent(beam.DoFn):
    """(number of a file of records, anything) -> (split, pickled list of Entry) and (split, their bytes)."""

    def __init__(self, options: DataOptions, work: str) -> None:
        self.options, self.work = options, work

    def process(self, numbered: tuple[int, Iterable[bytes]]) -> Iterator[Any]:
        """Reads every image once."""
        number, _ = numbered
        found: dict[str, list[Entry]] = defaultdict(list)
        sizes: dict[str, int] = defaultdict(int)
        batch = read_batch(self.work, number)
        for position, (stated, name, source, record) in enumerate(batch, number * BATCH):
            sha256, size, crc32c = _content(source)
            split = stated or (split_of(sha256, self.options) if sha256 else "train")
            found[split].append((sha256, name, position, size, crc32c, record))
            sizes[split] += size
        for split, entries in found.items():
            yield split, pickle.dumps(entries, pickle.HIGHEST_PROTOCOL)
            yield beam.pvalue.TaggedOutput("bytes", (split, sizes[split]))


class CountShards(beam.DoFn):
    """(split, the bytes of its images, in parts) -> (split, number of its shards)."""

    def process(self, sizes: tuple[str, Iterable[int]]) -> Iterator[tuple[str, int]]:
        """As shard_count says."""
        yield sizes[0], shards.shard_count(sum(sizes[1]))


class PickShard(beam.DoFn):
    """(split, pickled list of Entry) -> (Shard, pickled list of Entry)."""

    def process(
        self, of_split: tuple[str, bytes], counts: Mapping[str, int]
    ) -> Iterator[tuple[Shard, bytes]]:
        """Several entries travel on together."""
        split, pickled = of_split
        count = counts[split]
        if count == 1:
            yield (split, 0, 1), pickled
            return
        groups: dict[int, list[Entry]] = defaultdict(list)
        for entry in pickle.loads(pickled):
            groups[shards.shard_of(entry[0], count)].append(entry)
        for index, entries in groups.items():
            yield (split, index, count), pickle.dumps(entries, pickle.HIGHEST_PROTOCOL)


class WriteShard(beam.DoFn):
    """Examines the images of a shard in the order of their content, and writes those that are good."""

    def __init__(self, options: DataOptions, label_map: LabelMap, out: str, work: str) -> None:
        self.options, self.label_map, self.out, self.work = options, label_map, out, work

    def process(self, group: tuple[Shard, Iterable[bytes]]) -> None:
        """One attempt more or less changes nothing: each file is replaced in one step by its equal."""
        shard, pickled = group
        self.write(shard, sorted(entry for part in pickled for entry in pickle.loads(part)))

    def write(self, shard: Shard, entries: list[Entry]) -> None:
        """Writes one shard, its rows and its report."""
        split, index, count = shard
        name = shards.shard_name(split, index, count, self.options.compress)
        beside = beside_shard(self.work, self.options.splits.index(split), index, count)
        report = ShardReport(split)
        with (
            shards.shard_writer(join(self.out, name), self.options.compress) as write,
            whole_file(f"{beside}.rows") as rows_file,
            open(rows_file, "wb") as rows,
        ):
            write_rows(self._rows(split, entries, write, report), rows)
        report.statistics.shards = 1
        report.write(f"{beside}.report")
        _count(report)

    def _rows(
        self, split: str, entries: list[Entry], write: Callable[[bytes], None], report: ShardReport
    ) -> Iterator[dict[str, Any]]:
        """Examines, writes and counts the images, one after the other."""
        before: Outcome | None = None
        for sha256, _, _, size, crc32c, packed in entries:
            record = unpack_record(packed)
            outcome = self._examine(split, Content(sha256, size, crc32c), record, before)
            if outcome.example is not None:
                write(outcome.example)
            report.add(record, outcome)
            yield outcome.row()
            before = outcome

    def _examine(self, split: str, content: Content, record: ImageRecord, before: Outcome | None) -> Outcome:
        outcome = examine(record, self.options, self.label_map, content)
        if (outcome.split, outcome.sha256) != (split, content.sha256):
            raise Failed(
                "an image wasn't the same when it was read again",
                f"{record.source}",
                "run again when nothing writes there",
            )
        if content.sha256 and outcome.example and before and before.sha256 == content.sha256:
            detail = f"the same bytes as {before.name}"
            outcome.findings.append(Finding(outcome.name, None, "DATA024", "kept", detail))
        return outcome


def beside_shard(work: str, split: int, index: int, count: int) -> str:
    """Where the files about a shard lie, without their suffix."""
    return join(work, f"shard-{split}-{index:06d}-of-{count:06d}")


def parse_beside(path: str) -> tuple[int, int, int]:
    """The numbers in a path of beside_shard: split, shard, number of shards."""
    split, index, _, count = path.rsplit("/", 1)[1].split("-")[1:]
    return int(split), int(index), int(count)


def _content(source: ImageSource | None) -> Content:
    if source is None:
        return NOTHING
    try:
        return Content.of(source.read())
    except OSError:  # `examine` will say so
        return NOTHING


def _count(report: ShardReport) -> None:
    counted = report.statistics
    for name in ("images_read", "images_written", "images_quarantined", "boxes_read", "boxes_written"):
        Metrics.counter(COUNTERS, name).inc(getattr(counted, name))
    for code, count in counted.findings_by_code.items():
        Metrics.counter(COUNTERS, code).inc(count)
