"""The whole of ExampleGen as one function: read, check, write, count, compare, show."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from components.example_gen import drift
from components.example_gen.beam_pipeline import Written, new_work_folder, write_examples
from components.example_gen.contact_sheet import write_sheets
from components.example_gen.data_report import write_report
from components.example_gen.outputs import join, make_folder, remove_folder, write_bytes
from components.example_gen.read import Data, read_dataset, resolve
from components.example_gen.records import DataOptions, Finding
from components.example_gen.shard_report import ShardReport
from components.example_gen.statistics import DataStatistics, summarise
from components.example_gen.tfdv_statistics import write_statistics
from components.example_gen.usable import find_leaks, require_usable
from detection.config.label_map import LabelMap
from detection.errors import Failed


@dataclass(frozen=True)
class Outputs:
    """Folders or addresses: the shards, the account of them, Data Validation's statistics and schema."""

    examples: str
    quarantine: str
    statistics: str
    schema: str


def ingest(
    data: Data,
    label_map: LabelMap,
    outputs: Outputs,
    previous: str = "",
    beam_args: list[str] | None = None,
) -> DataStatistics:
    """Writes the splits' TFRecords below `examples`, and what became of each image in `quarantine`.

    There, quarantine.jsonl has a line for every finding, repairs included (split, file, object, code, rule,
    action, detail); statistics.json has the totals, report.md both in words, and contact_sheets/ pictures of
    each split and of the worst images of each finding.

    Args:
      previous: the quarantine folder of the span before, for `data.drift`; "" if there is none.

    Raises:
      BadInput: the data set can't be read, leaks between its splits, moved too far from the span before, or
        too much of it can't be used.
      Failed: the totals don't balance, or an output can't be written.
    """
    options = resolve(data)
    before = drift.read_statistics(previous) if previous and options.drift else None
    work = new_work_folder(outputs.examples)
    try:
        make_folder(outputs.quarantine)
        written = write_examples(read_dataset(options), options, label_map, outputs.examples, work, beam_args)
        totals = _merge(written, options)
        leaks = find_leaks(written, options)
        for split, finding in leaks:
            codes = totals[split].statistics.findings_by_code
            codes[finding.code] = codes.get(finding.code, 0) + 1
        statistics = summarise(
            written.images_read,
            written.boxes_read,
            [(split, total.statistics) for split, total in totals.items()],
            options.splits,
            label_map.names,
        )
        if before is not None and options.drift is not None:
            statistics.drift = drift.compare(before, statistics, options.drift)
        _write_findings(written, leaks, outputs.quarantine)
        text = statistics.model_dump_json(indent=2) + "\n"
        write_bytes(join(outputs.quarantine, "statistics.json"), text.encode())
        write_statistics(
            [(split, total.table) for split, total in totals.items()], outputs.statistics, outputs.schema
        )
        sheets = write_sheets(totals, join(outputs.quarantine, "contact_sheets"))
        write_report(statistics, sheets, options, outputs.quarantine)
        require_usable(statistics, written, options, leaks)
        if options.drift is not None:
            drift.require_no_drift(statistics.drift, options.drift, options.place("train"))
    except OSError as error:  # those of reading the data have their own words
        place = str(error.filename or outputs.examples)
        fix = "make room there, or let this user write there, and run again"
        raise Failed(f"a file can't be written: {error.strerror or error}", place, fix) from error
    finally:
        remove_folder(work)
    return statistics


def _merge(written: Written, options: DataOptions) -> dict[str, ShardReport]:
    totals = {split: ShardReport(split) for split in options.splits}
    for report in written.reports():
        totals[report.split].merge(report)
    return totals


def _write_findings(written: Written, leaks: list[tuple[str, Finding]], quarantine: str) -> None:
    lines = [_line(row["split"], found) for row in written for found in row["findings"]]
    lines += [_line(split, finding.row()) for split, finding in leaks]
    write_bytes(join(quarantine, "quarantine.jsonl"), "".join(sorted(lines)).encode())


def _line(split: str, found: dict[str, Any]) -> str:
    return json.dumps({"split": split, **found}, sort_keys=True, ensure_ascii=False) + "\n"
