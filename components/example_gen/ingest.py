"""The whole of ExampleGen as one function: read, check, write, count."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from components.example_gen.beam_pipeline import write_examples
from components.example_gen.read import Data, read_dataset
from components.example_gen.records import as_options
from components.example_gen.statistics import DataStatistics, require_usable, summarise
from detection.config.label_map import LabelMap


def ingest(
    data: Data, label_map: LabelMap, examples: Path, quarantine: Path, beam_args: list[str] | None = None
) -> DataStatistics:
    """Writes the splits' TFRecords below `examples`; quarantine.jsonl and statistics.json in `quarantine`.

    quarantine.jsonl has a line for every finding, repairs included: file, object, code, rule, action, detail.

    Raises:
      BadInput: the data set can't be read, leaks between its splits, or too much of it can't be used.
      Failed: the totals don't balance.
    """
    options = as_options(data)
    records = read_dataset(options)
    quarantine.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=quarantine, prefix=".report-") as folder:
        report = Path(folder) / "report.jsonl"
        write_examples(records, options, label_map, examples, report, beam_args)
        rows = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    findings = [{"split": row["split"], **found} for row in rows for found in row.get("findings", ())]
    lines = sorted(json.dumps(finding, sort_keys=True, ensure_ascii=False) for finding in findings)
    (quarantine / "quarantine.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    statistics = summarise(records, rows, label_map.names)
    (quarantine / "statistics.json").write_text(statistics.model_dump_json(indent=2) + "\n")
    require_usable(statistics, rows, options)
    return statistics
