"""The Beam pipeline: examines every record and writes each split's shards, the same bytes on any runner.

No image passes from worker to worker, only what says where it lies. First each image's content is hashed: it
decides split, shard and place in the shard. Then whoever writes a shard reads its images again, one at a
time, checks them and appends them. So memory doesn't grow with the data set, and nothing of it is shuffled.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from components.example_gen.beam_run import run_pipeline
from components.example_gen.beam_steps import (
    COUNTERS,
    CountShards,
    HashContent,
    NumberBatches,
    PickShard,
    WriteShard,
    parse_beside,
)
from components.example_gen.collector import only_new_objects
from components.example_gen.file_systems import open_binary
from components.example_gen.outputs import files_in, folders_in, join, make_folder, remove_folder
from components.example_gen.record_batches import write_batches
from components.example_gen.records import DataOptions, ImageRecord
from components.example_gen.row_files import read_rows
from components.example_gen.shard_report import ShardReport
from detection.config.label_map import LabelMap

# FnApiRunner is the part of the DirectRunner that runs batches inside this process. Named as such, because
# "DirectRunner" first tries Prism, a program that it would download.
DEFAULT_BEAM_ARGS = ("--runner=FnApiRunner", "--direct_running_mode=in_memory", "--direct_num_workers=1")


@dataclass(frozen=True)
class Written:
    """What the pipeline left in its work folder, to be read before the folder is removed.

    `images_read` and `boxes_read` are what the readers found; `counters` is what Beam counted on the way.
    """

    images_read: int
    boxes_read: int
    shards: tuple[str, ...]  # the files' paths without suffix, in the order of split and number
    counters: dict[str, int]

    def reports(self) -> Iterator[ShardReport]:
        """What was counted at each shard, one at a time."""
        return (ShardReport.read(f"{shard}.report") for shard in self.shards)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """The row of each image (Outcome.row), read anew from the files each time."""
        for shard in self.shards:
            with open_binary(f"{shard}.rows") as stream:
                yield from read_rows(stream)


def write_examples(
    records: Iterable[ImageRecord],
    options: DataOptions,
    label_map: LabelMap,
    out: str,
    work: str,
    beam_args: list[str] | None = None,
) -> Written:
    """Writes out/Split-NAME/examples-00000-of-0000N.tfrecord[.gz] for each split, N from its images' bytes.

    Args:
      work: a folder that doesn't exist, for files on the way; every worker must reach it, as `out`.
      beam_args: options of Beam; none means inside this process.

    Raises:
      Failed: an image changed while it was read, or a worker was killed.
    """
    for split in options.splits:
        remove_folder(join(out, f"Split-{split}"))  # a killed attempt's
        make_folder(join(out, f"Split-{split}"))
    make_folder(work)
    with only_new_objects():
        batches = write_batches(records, work)
        del records  # nobody needs them in memory any more
        write_shard = WriteShard(options, label_map, out, work)
        pipeline = beam.Pipeline(options=PipelineOptions(list(beam_args or DEFAULT_BEAM_ARGS)))
        hashed = (
            pipeline
            | "Begin" >> beam.Impulse()
            | "Batches" >> beam.ParDo(NumberBatches(batches.files))
            | "Spread" >> beam.GroupByKey()
            | "Hash" >> beam.ParDo(HashContent(options, work)).with_outputs("bytes", main="entries")
        )
        counts = beam.pvalue.AsDict(
            hashed.bytes | "BytesOfSplit" >> beam.GroupByKey() | "ShardCounts" >> beam.ParDo(CountShards())
        )
        _ = (
            hashed.entries
            | "PickShard" >> beam.ParDo(PickShard(), counts)
            | "ByShard" >> beam.GroupByKey()
            | "WriteShard" >> beam.ParDo(write_shard)
        )
        result = run_pipeline(pipeline)
    _write_empty_shards(write_shard)
    found = tuple(_shards_in(work))
    return Written(batches.images, batches.boxes, found, _counters(result))


def new_work_folder(out: str) -> str:
    """A name for `work` beside what is written; removes what a killed attempt left."""
    for folder in folders_in(out, ".work-"):
        remove_folder(folder)
    return join(out, f".work-{uuid.uuid4().hex[:8]}")


def _shards_in(work: str) -> list[str]:
    """The paths of beside_shard of the shards that are there, by split and number."""
    return [file.removesuffix(".report") for file in files_in(work, "shard-", ".report")]


def _write_empty_shards(write_shard: WriteShard) -> None:
    """A shard that no image fell into is a file too, as the others' names say how many there are.

    A shard that a runner lost would come out as an empty one here, and as a total that doesn't balance.
    """
    places = [parse_beside(path) for path in _shards_in(write_shard.work)]
    for number, split in enumerate(write_shard.options.splits):
        there = {index for at, index, _ in places if at == number}
        count = max((count for at, _, count in places if at == number), default=1)
        for index in set(range(count)) - there:
            write_shard.write((split, index, count), [])


def _counters(result: Any) -> dict[str, int]:
    found = result.metrics().query(beam.metrics.MetricsFilter().with_namespace(COUNTERS))["counters"]
    return dict(sorted((counter.key.metric.name, counter.result or 0) for counter in found))
