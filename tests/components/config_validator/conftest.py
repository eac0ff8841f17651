"""A sound config for the rules to break."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from components.config_validator.findings import Finding
from components.config_validator.fixes import edits_of
from components.config_validator.rules import validate
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.label_map import LabelMap, read_label_map
from detection.config.pipeline_config import (
    format_pipeline_config,
    parse_pipeline_config,
    read_pipeline_config,
)
from detection.config.text_edit import apply_edits

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def config() -> Any:
    """The demo's config: no rule has anything to say about it."""
    return read_pipeline_config(ROOT / "detectors/demo/pipeline.config")


@pytest.fixture
def label_map() -> LabelMap:
    """stop, yield, speed_limit, priority_road."""
    return read_label_map(ROOT / "detectors/demo/label_map.pbtxt")


@pytest.fixture
def findings_of() -> Callable[..., list[Finding]]:
    """Validates a config, after merging text into it; `facts` are of the Subject."""

    def run(config: Any, text: str = "", **facts: Any) -> list[Finding]:
        text_format.Merge(text, config)
        return validate(Subject(config, **facts), format_pipeline_config(config), "p.config")

    return run


@pytest.fixture
def fixed() -> Callable[[Any, Iterable[Finding]], Any]:
    """A config with the changes of the safe findings made, as --fix makes them."""

    def run(config: Any, findings: Iterable[Finding]) -> Any:
        text = format_pipeline_config(config)
        for change in (change for finding in findings if finding.is_fixed for change in finding.changes):
            text = apply_edits(text, edits_of(text, change))
        return parse_pipeline_config(text, "p.config")

    return run


@pytest.fixture
def problems_of() -> Callable[..., list[tuple[str, Problem]]]:
    """What some rules answer about a config, after merging text into it; `facts` are of the Subject."""

    def run(rules: Iterable[Rule], config: Any, text: str = "", **facts: Any) -> list[tuple[str, Problem]]:
        text_format.Merge(text, config)
        subject = Subject(config, **facts)
        answers = [(rule, problem) for rule in rules for problem in rule.check(subject)]
        for rule, problem in answers:
            assert problem.severity in rule.severities and (rule.safe or not problem.changes)
            assert problem.message and problem.reason and problem.fix
            for field in [problem.field, *(change.field for change in problem.changes)]:
                _require_field(config.DESCRIPTOR, field)
        return [(rule.code, problem) for rule, problem in answers]

    return run


def _require_field(message: Any, path: str) -> None:
    """Fails unless `path` is a dotted path of fields in the message's descriptor; [i] after repeated ones."""
    for part in path.split(".") if path else []:
        name, _, index = part.partition("[")
        field = message.fields_by_name[name]
        assert not index or field.is_repeated, path
        message = field.message_type
