"""The engine of `upcycle lint` and ConfigValidator: asks the rules about a config, and repairs its text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from components.config_validator.codes import allowed_codes
from components.config_validator.findings import Finding, by_severity
from components.config_validator.fixes import edits_of
from components.config_validator.override_changes import override_changes
from components.config_validator.rules import validate
from components.config_validator.subject import Subject
from components.config_validator.text_history import TextHistory
from detection.config.pipeline_config import KIND, parse_config, parse_pipeline_config

if TYPE_CHECKING:
    from components.config_validator.checkpoint_facts import CheckpointFacts
    from components.config_validator.data_facts import DataFacts
    from components.config_validator.overrides import Overrides
    from detection.config.label_map import LabelMap
    from detection.config.upgrades import Upgrade

OVERRIDE = "override"  # stands in the diff where a rule's code stands otherwise
_ROUNDS = 5


@dataclass(frozen=True)
class Facts:
    """What a config will be used with; None is unknown. `tflite` says that TFLite models are asked for."""

    label_map: LabelMap | None = None
    label_map_path: str = "label map"
    data: DataFacts | None = None
    checkpoint: CheckpointFacts | None = None
    tflite: bool = False


@dataclass(frozen=True)
class Checked:
    """The findings, errors first; the config after upgrades, overrides and safe fixes; and what they changed.

    `text` is the config's text, comments kept; `diff` is unified, "" where nothing was changed.
    """

    findings: list[Finding]
    config: Any
    text: str
    diff: str


def check(
    given: str,
    path: Path,
    facts: Facts,
    overrides: Overrides | None = None,
    allow: Iterable[str] = (),
) -> Checked:
    """Asks every rule about the pipeline.config in `given`, read from `path`, and makes the safe fixes.

    Findings of the codes in `allow` are marked, and nothing is done about them. Raises TextFault for a text
    that doesn't parse, BadInput for a code in `allow` that is none.
    """
    allowed = allowed_codes(allow)
    parsed = parse_config(given, str(path))
    history = TextHistory(given)
    history.replace(parsed.text, [(upgrade.line, upgrade.code) for upgrade in parsed.upgrades])
    for change in override_changes(parsed.config, overrides) if overrides else ():
        history.edit(edits_of(history.text, change), OVERRIDE)
    findings = [_upgraded(upgrade, path) for upgrade in parsed.upgrades]
    for number in range(_ROUNDS):
        text = history.text
        config = parse_pipeline_config(text, str(path))
        subject = Subject(
            config,
            label_map=facts.label_map,
            label_map_path=facts.label_map_path,
            data=facts.data,
            checkpoint=facts.checkpoint,
            text_path=path,
            is_final=overrides is not None,
            tflite=facts.tflite,
        )
        found = [_allowed(finding, allowed) for finding in validate(subject, text, path, history.given_line)]
        fixable = [finding for finding in found if finding.is_fixed]
        known = {(finding.code, finding.message) for finding in findings}
        new = found if number == 0 else [f for f in fixable if (f.code, f.message) not in known]
        findings += new  # a fix may be the reason for another, but not take a finding back
        for finding in fixable:
            for change in finding.changes:
                history.edit(edits_of(history.text, change), finding.code)
        if history.text == text:
            break
    else:  # fixes that undo each other
        config = parse_pipeline_config(history.text, str(path))
    return Checked(by_severity(findings), config, history.text, history.diff(KIND))


def _allowed(finding: Finding, codes: frozenset[str]) -> Finding:
    return replace(finding, allowed=True) if finding.code in codes else finding


def _upgraded(upgrade: Upgrade, path: Path) -> Finding:
    done = f"{upgrade.old} is read as {upgrade.new}" if upgrade.new else f"{upgrade.old} is left out"
    return Finding(
        code=upgrade.code,
        severity="info",
        message=done,
        location=f"{path}:{upgrade.line}",
        reason=upgrade.reason,
        fix=f"write {upgrade.new}" if upgrade.new else "take it out",
        safe=True,
    )
