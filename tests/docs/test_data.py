"""docs/data.md: its YAML is read, and it names formats and codes that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import yaml

from components.example_gen.records import DataFormat
from components.example_gen.rules import RULES
from pipelines.spec import DataSpec

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
INPUTS = PAGE.partition("<!-- inputs: begin -->")[2].partition("<!-- inputs: end -->")[0]


def test_every_example_is_a_data_section() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", INPUTS, re.DOTALL)
    assert examples
    for example in examples:
        assert DataSpec.model_validate(yaml.safe_load(example)["data"]).train


def test_every_format_has_its_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", INPUTS, re.MULTILINE))
    assert rows == set(get_args(DataFormat)) - {"auto"} | {"format"}


def test_every_option_and_code_exists() -> None:
    assert set(re.findall(r"DATA\d{3}", INPUTS)) <= set(RULES)
    for option in re.findall(r"`(?:data\.)?(\w+_\w+|spans?)(?:: [^`]+)?`", INPUTS):
        assert option in DataSpec.model_fields, option
