"""pipeline.config and overrides in; the config that the run uses, and what was found, out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.config_validator.findings import Finding, unfixed_errors
from components.config_validator.fixes import apply_fixes, diff_configs
from components.config_validator.overrides import Overrides, apply_overrides
from components.config_validator.rules import validate
from detection.config.label_map import format_label_map, read_label_map
from detection.config.pipeline_config import KIND, parse_pipeline_config, write_pipeline_config
from detection.config.text_files import read_text, write_text
from detection.errors import BadInput

CONFIG_FILE = "pipeline.config"
LABEL_MAP_FILE = "label_map.pbtxt"
FINDINGS_FILE = "findings.json"
DIFF_FILE = "changes.diff"


@dataclass(frozen=True)
class Resolved:
    """A config with overrides and safe fixes made, the findings, and the diff from the config as given."""

    config: Any
    findings: list[Finding]
    diff: str


def resolve(pipeline_config: Path, label_map: Path, overrides: Overrides, out: Path) -> Resolved:
    """Writes the resolved config, label map, findings.json and changes.diff into the folder `out`.

    Raises BadInput, listing them, if errors are left after the safe fixes; then nothing is written.
    """
    text = read_text(pipeline_config, KIND)
    given = parse_pipeline_config(text, str(pipeline_config))
    classes = read_label_map(label_map)
    overridden = apply_overrides(given, overrides)
    findings = validate(overridden, text, pipeline_config, label_map=classes, label_map_path=label_map)
    refuse_errors(findings, pipeline_config)
    resolved = apply_fixes(overridden, findings)
    diff = diff_configs(given, resolved)
    write_pipeline_config(resolved, out / CONFIG_FILE)
    write_text(format_label_map(classes), out / LABEL_MAP_FILE)
    write_text(json.dumps([f.model_dump() for f in findings], indent=2) + "\n", out / FINDINGS_FILE)
    write_text(diff, out / DIFF_FILE)
    return Resolved(resolved, findings, diff)


def refuse_errors(findings: list[Finding], path: Path) -> None:
    """Raises BadInput that lists the errors which no safe fix takes away."""
    errors = unfixed_errors(findings)
    if errors:
        listing = "\n".join(f"  - {e.code} {e.location}: {e.message}; {e.fix}" for e in errors)
        count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
        raise BadInput(f"{KIND} has {count}:\n{listing}", str(path), "correct what is listed above")
