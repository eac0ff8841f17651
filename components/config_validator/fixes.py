"""Applies the safe fixes, and shows what they changed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from components.config_validator.findings import Change, Finding
from detection.config.pipeline_config import format_pipeline_config


def apply_fixes(config: Any, findings: Iterable[Finding]) -> Any:
    """A copy of the TrainEvalPipelineConfig with the changes of the safe findings made."""
    fixed = type(config)()
    fixed.CopyFrom(config)
    for finding in findings:
        if finding.safe:
            for change in finding.changes:
                _apply(fixed, change)
    return fixed


def diff_configs(before: Any, after: Any, name: str = "pipeline.config") -> str:
    """The unified diff between two configs, both in protobuf's own layout; empty if they are equal."""
    lines = difflib.unified_diff(
        format_pipeline_config(before).splitlines(keepends=True),
        format_pipeline_config(after).splitlines(keepends=True),
        f"{name} (as given)",
        f"{name} (resolved)",
    )
    return "".join(lines)


def _apply(message: Any, change: Change) -> None:
    """Makes the change in `message`; along a repeated block, in each of its elements."""
    name, _, rest = change.field.partition(".")
    if not rest:
        if change.value is None:
            message.ClearField(name)
        else:
            setattr(message, name, change.value)
        return
    field: FieldDescriptor = message.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        for element in getattr(message, name):
            _apply(element, Change(field=rest, value=change.value))
    elif change.value is not None or message.HasField(name):
        _apply(getattr(message, name), Change(field=rest, value=change.value))
