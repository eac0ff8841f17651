"""Whichever brace of a config is taken away or doubled, its own line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.config.pipeline_config import parse_config
from detection.config.text_fault import TextFault

ROOT = Path(__file__).resolve().parents[3]
LINES = (ROOT / "detectors" / "demo" / "pipeline.config").read_text().splitlines()


def _blocks() -> list[tuple[int, int]]:
    """The lines (from 0) that open and close each block, where it has lines of its own."""
    blocks, open_lines = [], []
    for number, line in enumerate(LINES):
        code = line.partition("#")[0].rstrip()
        if code.endswith("{"):
            open_lines.append(number)
        elif code.strip() == "}":
            blocks.append((open_lines.pop(), number))
    return blocks


BLOCKS = _blocks()


def _fault(lines: list[str], indented: bool = True) -> TextFault:
    text = "\n".join(line if indented else line.lstrip() for line in lines)
    with pytest.raises(TextFault) as caught:
        parse_config(text, "a")
    return caught.value


def test_the_demo_has_blocks() -> None:
    assert len(BLOCKS) > 20


@pytest.mark.parametrize(("opening", "closing"), BLOCKS)
def test_a_brace_less_or_more(opening: int, closing: int) -> None:
    name = LINES[opening].split()[0].rstrip(":")
    missing = _fault(LINES[:closing] + LINES[closing + 1 :])
    assert (missing.code, missing.line) == ("TXT007", opening + 1)
    assert f"{name} is opened here and never closed" in missing.message

    doubled = _fault(LINES[: closing + 1] + LINES[closing:])
    assert doubled.code == "TXT007" and doubled.line in (closing + 1, closing + 2)
    assert "a } too many" in doubled.message

    unopened = LINES[opening].replace("{", "")
    without = _fault([*LINES[:opening], unopened, *LINES[opening + 1 :]])
    assert without.code in ("TXT007", "TXT008") and without.line == opening + 1


@pytest.mark.parametrize(("opening", "closing"), BLOCKS)
def test_without_indentation_the_next_field_tells(opening: int, closing: int) -> None:
    missing = _fault(LINES[:closing] + LINES[closing + 1 :], indented=False)
    assert missing.code == "TXT007"
    assert missing.line is not None and missing.line <= opening + 1  # it, or a block around it
