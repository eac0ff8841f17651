"""One slip in each of upstream's configs: its code and its line are named, whatever the config."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from detection.config.pipeline_config import parse_pipeline_config
from detection.config.text_fault import TextFault

UPSTREAM = Path(__file__).resolve().parents[4] / "shared" / "data" / "configs" / "upstream"
CONFIGS = [
    path for path in sorted(UPSTREAM.rglob("*.config")) if "lstm" not in path.name
]  # those don't parse
SLIPS_IN_EACH = 2

# the damaged text, the line where the damage is, and what the fix must name ("" if anything will do)
Slip = tuple[str, int, str]


def brace_left_out(text: str, chance: random.Random) -> Slip:
    """A closing brace is gone: the line is the one where its block opens."""
    opened, pairs = [], []
    for token in re.finditer(r'#[^\n]*|"[^"\n]*"|[{}]', text):
        if token.group() == "{":
            opened.append(token.start())
        elif token.group() == "}":
            pairs.append((opened.pop(), token.start()))
    start, end = chance.choice(pairs)
    return text[:end] + text[end + 1 :], text.count("\n", 0, start) + 1, ""


def letter_doubled(text: str, chance: random.Random) -> Slip:
    """A field's name has a letter too many."""
    place, line = chance.choice(matches(r"^\s*(\w{4,})(?=\s*[:{])", text))
    start, name = place.start(1), place.group(1)
    at = start + chance.randrange(len(name))
    return text[:at] + text[at] + text[at:], line, name


def value_left_out(text: str, chance: random.Random) -> Slip:
    """A field's value is gone."""
    place, line = chance.choice(matches(r'^\s*\w+:( *[^\s{]+) *$(?!\n\s*")', text))
    return text[: place.start(1)] + text[place.end(1) :], line, ""


def quote_left_out(text: str, chance: random.Random) -> Slip:
    """A closing quotation mark is gone."""
    places = matches(r'^\s*\w+: *"[^"\n]*(")', text)
    if not places:
        pytest.skip("the config has no text in quotes there")
    place, line = chance.choice(places)
    return text[: place.start(1)] + text[place.end(1) :], line, ""


def equals_for_a_colon(text: str, chance: random.Random) -> Slip:
    """name = value, as in programs."""
    place, line = chance.choice(matches(r"^\s*\w+(:) *[^\s{]", text))
    return text[: place.start(1)] + " =" + text[place.end(1) :], line, ""


def value_misspelt(text: str, chance: random.Random) -> Slip:
    """One of a few names is spelt wrong."""
    places = matches(r"^\s*\w+: *([A-Z]{3}[A-Z_\d]*)$", text)
    if not places:
        pytest.skip("the config has no such value")
    place, line = chance.choice(places)
    return text[: place.end(1)] + "S" + text[place.end(1) :], line, place.group(1)


def matches(pattern: str, text: str) -> list[tuple[re.Match[str], int]]:
    """Every match outside of comments, with its line."""
    found = re.finditer(pattern, text, re.MULTILINE)
    return [(match, text.count("\n", 0, match.start(1)) + 1) for match in found]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("code", "damage"),
    [
        ("TXT001", letter_doubled),
        ("TXT002", value_misspelt),
        ("TXT007", brace_left_out),
        ("TXT008", value_left_out),
        ("TXT017", quote_left_out),
        ("TXT018", equals_for_a_colon),
    ],
)
def test_a_slip_is_named_with_its_line(
    code: str, damage: Callable[[str, random.Random], Slip], config: Path
) -> None:
    text = config.read_text(encoding="utf-8")
    chance = random.Random(config.stem)
    for _ in range(SLIPS_IN_EACH):
        damaged, line, name = damage(text, chance)
        with pytest.raises(TextFault) as caught:
            parse_pipeline_config(damaged, config.name)
        assert caught.value.code == code, caught.value
        assert caught.value.line is not None
        # some configs don't indent a block in a block: then either of the two may be the one left open
        assert line - caught.value.line in ((0, 1) if damage is brace_left_out else (0,)), caught.value
        assert name in caught.value.fix
