"""What the nodes before the Evaluator wrote about their work, for the report."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from components.checkpoint_converter.report import ConversionReport
from components.config_validator.findings import Finding
from components.example_gen.rules import RULES
from components.example_gen.statistics import DataStatistics
from components.trainer.results import TrainingResult
from detection.errors import Failed

FINDINGS_SHOWN = 4  # with pictures

Record = TypeVar("Record", bound=BaseModel)


class QuarantineRow(BaseModel):
    """One line of quarantine.jsonl; `object` is None where the whole image is meant."""

    file: str
    object: str | None = None
    code: str
    rule: str
    action: str
    detail: str = ""


@dataclass(frozen=True)
class ContactSheet:
    """A picture of several images of the data: of a split, or of the worst of a finding."""

    about: str
    data_uri: str


@dataclass(frozen=True)
class RunRecords:
    """The records of one run, in the order of its nodes. `config_diff` is "" if nothing was changed.

    `split_sheets` has one for each split, `finding_sheets` those of the most frequent findings.
    """

    statistics: DataStatistics
    quarantine: list[QuarantineRow]
    split_sheets: list[ContactSheet]
    finding_sheets: list[ContactSheet]
    findings: list[Finding]
    config_diff: str
    conversion: ConversionReport
    training: TrainingResult


def read_records(quarantine: Path, resolved_config: Path, converted: Path, model: Path) -> RunRecords:
    """Read the records from the artifacts' directories; raises Failed if one is absent or malformed."""
    rows = _read(quarantine / "quarantine.jsonl").splitlines()
    findings = _read(resolved_config / "findings.json")
    try:
        statistics = _parse(DataStatistics, quarantine / "statistics.json")
        frequent = sorted(statistics.findings_by_code.items(), key=lambda item: (-item[1], item[0]))
        return RunRecords(
            statistics=statistics,
            split_sheets=_sheets(quarantine, {split: split for split in statistics.splits}),
            finding_sheets=_sheets(
                quarantine, {code: f"{code} {RULES[code]}" for code, _ in frequent[:FINDINGS_SHOWN]}
            ),
            quarantine=[QuarantineRow.model_validate(json.loads(row)) for row in rows],
            findings=TypeAdapter(list[Finding]).validate_json(findings),
            config_diff=_read(resolved_config / "changes.diff"),
            conversion=_parse(ConversionReport, converted / "report.json"),
            training=_parse(TrainingResult, model / "training.json"),
        )
    except ValidationError as error:
        raise Failed(
            f"a record of an earlier node is not as expected: {error.title}: {error.errors()[0]['msg']}",
            ", ".join(map(str, (quarantine, resolved_config, converted, model))),
            "run again with --force: another release of this project wrote it",
        ) from error


def _sheets(quarantine: Path, about: dict[str, str]) -> list[ContactSheet]:
    """The contact sheets that are there, of the names in `about`; not every finding has a picture."""
    files = {name: quarantine / "contact_sheets" / f"{name}.jpg" for name in about}
    return [
        ContactSheet(about[name], "data:image/jpeg;base64," + base64.b64encode(file.read_bytes()).decode())
        for name, file in files.items()
        if file.is_file()
    ]


def _parse(kind: type[Record], path: Path) -> Record:
    return kind.model_validate_json(_read(path))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise Failed(
            f"a record of an earlier node can't be read: {error.strerror}",
            str(path),
            "run again with --force: the earlier node's output was moved or deleted",
        ) from error
