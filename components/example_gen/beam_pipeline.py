"""The Beam pipeline: examines every record and writes each split's shards, the same bytes on any runner."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import tensorflow as tf
from apache_beam.options.pipeline_options import PipelineOptions

from components.example_gen.encode import examine
from components.example_gen.records import SPLITS, DataOptions, ImageRecord
from detection.config.label_map import LabelMap

SHARD_BYTES = 64 * 2**20
# FnApiRunner is the part of the DirectRunner that runs batches inside this process. Named as such, because
# "DirectRunner" first tries Prism, a program that it would download.
DEFAULT_BEAM_ARGS = ("--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1")

ShardKey = tuple[str, int]


def write_examples(
    records: list[ImageRecord],
    options: DataOptions,
    label_map: LabelMap,
    out: Path,
    report: Path,
    beam_args: list[str] | None = None,
) -> None:
    """Writes out/Split-train/ and out/Split-eval/ as compressed TFRecords, and what became of each record.

    The shards of a split: examples-00000-of-0000N.tfrecord.gz, N from the bytes of its images. An image's
    content picks its shard and its place in it, so neither the workers nor their order change a byte.

    Args:
      report: a JSON Lines file; one line for each record (Outcome.row) and one for each shard
        ({"shard", "split", "images", "boxes"}), sorted.
      beam_args: options of Beam; none means inside this process.
    """
    shards = shard_counts(records, options.eval_fraction)
    for split in SPLITS:
        (out / f"Split-{split}").mkdir(parents=True, exist_ok=True)
    report.parent.mkdir(parents=True, exist_ok=True)
    keys = [((split, index), None) for split in SPLITS for index in range(shards[split])]
    arguments = list(beam_args or DEFAULT_BEAM_ARGS)
    with beam.Pipeline(options=PipelineOptions(arguments)) as pipeline:
        examined = (
            pipeline
            | "Records" >> beam.Create(records)
            | "Examine"
            >> beam.ParDo(_Examine(options, label_map, shards)).with_outputs("rows", main="examples")
        )
        written = (
            {"key": pipeline | "Shards" >> beam.Create(keys), "example": examined.examples}
            | "ByShard" >> beam.CoGroupByKey()
            | "Write" >> beam.ParDo(_WriteShard(str(out), shards))
        )
        _ = (
            (examined.rows, written)
            | "Both" >> beam.Flatten()
            | "OneKey" >> beam.Map(lambda row: (None, row))
            | "Together" >> beam.GroupByKey()
            | "Report" >> beam.ParDo(_WriteReport(str(report)))
        )


def shard_counts(records: list[ImageRecord], eval_fraction: float) -> dict[str, int]:
    """How many shards each split gets: one for every started SHARD_BYTES of its images."""
    total = {split: 0.0 for split in SPLITS}
    for record in records:
        size = record.image.stat().st_size if record.image else 0
        if record.split:
            total[record.split] += size
        else:
            total["eval"] += size * eval_fraction
            total["train"] += size * (1 - eval_fraction)
    return {split: 1 + int(size // SHARD_BYTES) for split, size in total.items()}


class _Examine(beam.DoFn):
    def __init__(self, options: DataOptions, label_map: LabelMap, shards: dict[str, int]) -> None:
        self.options, self.label_map, self.shards = options, label_map, shards

    def process(self, record: ImageRecord) -> Iterator[Any]:
        outcome = examine(record, self.options, self.label_map)
        yield beam.pvalue.TaggedOutput("rows", outcome.row())
        if outcome.example is not None:
            shard = int(outcome.sha256[-8:], 16) % self.shards[outcome.split]
            order = (outcome.sha256, outcome.name)
            yield (outcome.split, shard), (order, outcome.example, sum(outcome.labels.values()))


class _WriteShard(beam.DoFn):
    def __init__(self, out: str, shards: dict[str, int]) -> None:
        self.out, self.shards = out, shards

    def process(self, group: tuple[ShardKey, dict[str, Iterable[Any]]]) -> Iterator[dict[str, Any]]:
        (split, index), values = group
        examples = sorted(values["example"], key=lambda value: value[0])
        name = f"Split-{split}/examples-{index:05d}-of-{self.shards[split]:05d}.tfrecord.gz"
        partial = os.path.join(self.out, name + ".partial")
        with tf.io.TFRecordWriter(partial, options="GZIP") as writer:
            for _, example, _ in examples:
                writer.write(example)
        os.replace(partial, os.path.join(self.out, name))  # a bundle that Beam repeats leaves one whole file
        boxes = sum(count for _, _, count in examples)
        yield {"shard": name, "split": split, "images": len(examples), "boxes": boxes}


class _WriteReport(beam.DoFn):
    def __init__(self, report: str) -> None:
        self.report = report

    def process(self, group: tuple[None, Iterable[dict[str, Any]]]) -> None:
        lines = sorted(json.dumps(row, sort_keys=True) for row in group[1])
        partial = Path(self.report + ".partial")
        partial.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        partial.replace(self.report)
