"""pipeline.config and overrides in; the config that the run uses, and what was found, out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

from components.config_validator.check import Checked, Facts, check
from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.data_facts import DataFacts
from components.config_validator.findings import Finding, unfixed_errors
from components.config_validator.overrides import Overrides
from detection.config.label_map import format_label_map, read_label_map
from detection.config.pipeline_config import KIND
from detection.config.text_files import read_text, write_text
from detection.errors import BadInput

CONFIG_FILE = "pipeline.config"
LABEL_MAP_FILE = "label_map.pbtxt"
FINDINGS_FILE = "findings.json"
DIFF_FILE = "changes.diff"


def resolve(
    pipeline_config: Path,
    label_map: Path,
    overrides: Overrides,
    out: Path,
    data: DataFacts | None = None,
    checkpoint: CheckpointFacts | None = None,
    allow: Iterable[str] = (),
    tflite: bool = False,
) -> Checked:
    """Writes the resolved config, label map, findings.json and changes.diff into the folder `out`.

    Raises BadInput, listing them, if errors are left that neither a safe fix nor `allow` takes away; then
    nothing is written.
    """
    classes = read_label_map(label_map)
    facts = Facts(classes, str(label_map), data, checkpoint, tflite)
    checked = check(read_text(pipeline_config, KIND), pipeline_config, facts, overrides, allow)
    refuse_errors(checked.findings, pipeline_config)
    write_text(checked.text, out / CONFIG_FILE)
    write_text(format_label_map(classes), out / LABEL_MAP_FILE)
    write_text(
        json.dumps([asdict(finding) for finding in checked.findings], indent=2) + "\n", out / FINDINGS_FILE
    )
    write_text(checked.diff, out / DIFF_FILE)
    return checked


def refuse_errors(findings: list[Finding], path: Path) -> None:
    """Raises BadInput that lists the errors which neither a safe fix nor permission takes away."""
    errors = unfixed_errors(findings)
    if errors:
        listing = "\n".join(f"  - {e.code} {e.location}: {e.message}; {e.fix}" for e in errors)
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        fix = "correct what is listed above, or allow it (docs/config.md)"
        raise BadInput(f"{KIND} has {count}:\n{listing}", str(path), fix)
