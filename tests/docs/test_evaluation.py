"""What docs/evaluation.md shows can be used."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from components.evaluator.options import EvaluateOptions, GateOptions

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_slices_are_accepted() -> None:
    (section,) = [block["evaluate"] for block in BLOCKS if "evaluate" in block]
    options = EvaluateOptions.model_validate(section)
    assert [one.by for one in options.slices] == ["folder", "name", "size", "brightness", "csv"]
    assert options.slices[1].pattern == r"cam(\d+)"


def test_the_gate_names_every_field() -> None:
    (section,) = [block["gate"] for block in BLOCKS if "gate" in block]
    GateOptions.model_validate(section)
    assert set(section) == set(GateOptions.model_fields)
