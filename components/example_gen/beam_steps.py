"""The steps of the Beam pipeline: they can be pickled, hold no state, and may run twice."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from components.example_gen import shards
from components.example_gen.encode import Outcome, examine, split_of
from components.example_gen.outputs import join, whole_file
from components.example_gen.record_batches import BATCH, read_batch
from components.example_gen.records import DataOptions, Finding, ImageRecord
from components.example_gen.shard_report import ShardReport
from components.example_gen.sources import ImageSource
from detection.config.label_map import LabelMap
from detection.errors import Failed

COUNTERS = "example_gen"

Shard = tuple[str, int]
Entry = tuple[str, str, int, bytes]  # sha256 of the image, "" without one; name; position; Packed.record


class HashContent(beam.DoFn):
    """(number, file of records) -> pickled list of (split, Entry), and the bytes of each split's images."""

    def __init__(self, options: DataOptions) -> None:
        self.options = options

    def process(self, numbered: tuple[int, str]) -> Iterator[Any]:
        """Reads every image once."""
        number, file = numbered
        entries: list[tuple[str, Entry]] = []
        sizes: dict[str, int] = defaultdict(int)
        for position, packed in enumerate(read_batch(file), number * BATCH):
            sha256, size = _hash(packed.source)
            split = packed.split or (split_of(sha256, self.options) if sha256 else "train")
            sizes[split] += size
            entries.append((split, (sha256, packed.name, position, packed.record)))
        yield pickle.dumps(entries, pickle.HIGHEST_PROTOCOL)
        for split_and_size in sizes.items():
            yield beam.pvalue.TaggedOutput("bytes", split_and_size)


class PickShard(beam.DoFn):
    """Pickled list of (split, Entry) -> ((split, shard), pickled list of Entry)."""

    def process(self, pickled: bytes, counts: Mapping[str, int]) -> Iterator[tuple[Shard, bytes]]:
        """Several entries travel together: Beam's cost is by element."""
        groups: dict[Shard, list[Entry]] = defaultdict(list)
        for split, entry in pickle.loads(pickled):
            groups[split, shards.shard_of(entry[0], counts[split])].append(entry)
        for shard, entries in groups.items():
            yield shard, pickle.dumps(entries, pickle.HIGHEST_PROTOCOL)


class WriteShard(beam.DoFn):
    """Examines the images of a shard in the order of their content, and writes those that are good."""

    def __init__(self, options: DataOptions, label_map: LabelMap, out: str, work: str) -> None:
        self.options, self.label_map, self.out, self.work = options, label_map, out, work

    def process(self, group: tuple[Shard, Iterable[bytes]], counts: Mapping[str, int]) -> None:
        """One attempt more or less changes nothing: each file is replaced in one step by its equal."""
        (split, index), pickled = group
        entries: list[Entry] = [entry for part in pickled for entry in pickle.loads(part)]
        entries.sort(key=lambda entry: entry[:3])
        self.write(split, index, counts[split], entries)

    def write(self, split: str, index: int, count: int, entries: list[Entry]) -> None:
        """Writes shard `index` of `count`, its rows and its report."""
        name = shards.shard_name(split, index, count, self.options.compress)
        beside = beside_shard(self.work, self.options.splits.index(split), index, count)
        report = ShardReport(split)
        with (
            shards.shard_writer(join(self.out, name), self.options.compress) as write,
            whole_file(f"{beside}.rows") as rows_file,
            open(rows_file, "w", encoding="utf-8") as rows,
        ):
            before: Outcome | None = None
            for sha256, _, _, pickled in entries:
                record = pickle.loads(pickled)
                outcome = self._examine(split, sha256, record, before)
                if outcome.example is not None:
                    write(outcome.example)
                report.add(record, outcome)
                rows.write(json.dumps(outcome.row(), sort_keys=True) + "\n")
                before = outcome
        report.statistics.shards = 1
        report.write(f"{beside}.report")
        _count(report)

    def _examine(self, split: str, sha256: str, record: ImageRecord, before: Outcome | None) -> Outcome:
        outcome = examine(record, self.options, self.label_map)
        if (outcome.split, outcome.sha256) != (split, sha256):
            raise Failed(
                "an image wasn't the same when it was read again",
                f"{record.source}",
                "run again when nothing writes there",
            )
        if sha256 and outcome.example and before and before.sha256 == sha256:
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


def _hash(source: ImageSource | None) -> tuple[str, int]:
    if source is None:
        return "", 0
    try:
        data = source.read()
    except OSError:  # `examine` will say so
        return "", 0
    return hashlib.sha256(data).hexdigest(), len(data)


def _count(report: ShardReport) -> None:
    counted = report.statistics
    for name in ("images_read", "images_written", "images_quarantined", "boxes_read", "boxes_written"):
        Metrics.counter(COUNTERS, name).inc(getattr(counted, name))
    for code, count in counted.findings_by_code.items():
        Metrics.counter(COUNTERS, code).inc(count)
