"""docs/data.md, the part on checks: every code, action and limit is as in the code."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from components.example_gen.check import ROUNDING_PX, ROUNDING_SHARE, SMALLEST_PX
from components.example_gen.decode import DECODE_LIMIT, JPEG_QUALITY
from components.example_gen.records import Action, DataOptions, Finding
from components.example_gen.rules import RULES
from tests.components.example_gen.faulty import data_sets, images, objects, tfrecords

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
CHECKS = PAGE.partition("<!-- checks: begin -->")[2].partition("<!-- checks: end -->")[0]
ROWS = re.findall(r"^\| (DATA\d{3}) \| (.*?) \| (.*?) \|$", CHECKS, re.MULTILINE)
# What a row says and the action that it stands for, where the words differ.
WORDS = {"downscaled": "read smaller|downscaled"}


def test_every_code_has_its_row() -> None:
    assert {code for code, _, _ in ROWS} == set(RULES)


def test_every_action_is_explained() -> None:
    named = set(re.findall(r"`([a-z ]+)`", CHECKS.partition("| action |")[2].partition("\nTotals")[0]))
    assert set(get_args(Action)) <= named


def test_each_row_says_what_the_faulty_inputs_get() -> None:
    """Every action that a faulty input shows stands in the row of its code."""
    done: dict[str, str] = {}
    for code, _, action in ROWS:
        done[code] = f"{done.get(code, '')} {action}".lower()
    for case in (*images.CASES, *objects.CASES, *data_sets.CASES, *tfrecords.CASES):
        for code, action in case.findings:
            assert re.search(WORDS.get(action, action), done[code]), (case.name, code, action)


def test_the_limits() -> None:
    assert f"up to {ROUNDING_PX:g} pixels or {ROUNDING_SHARE:.0%}".replace("%", " %") in CHECKS
    assert f"more than {DECODE_LIMIT / 1e6:g} million pixels" in CHECKS
    assert f"(quality {JPEG_QUALITY})" in CHECKS
    assert SMALLEST_PX == 1 and "than a pixel of the image as written" in CHECKS
    default = DataOptions.model_fields["max_quarantined"].default
    assert f"`data.max_quarantined` ({default:.0%})".replace("%", " %") in CHECKS


def test_the_line_shown_is_one() -> None:
    line = json.loads(re.findall(r"```json\n(.*?)```", CHECKS, re.DOTALL)[0])
    split = line.pop("split")
    rule = line.pop("rule")
    assert split == "train" and rule == RULES[line["code"]]
    assert Finding(**line).row() == {**line, "rule": rule}
