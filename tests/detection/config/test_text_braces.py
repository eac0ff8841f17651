"""The brace that unbalances a text is found by indentation, and otherwise by counting."""

from __future__ import annotations

import pytest

from detection.config.text_braces import find_imbalance
from detection.config.text_tokens import Places, tokenize

BALANCED = """model {
  ssd {
    a {
      b { x: 1 }
    }
    c: "}{"  # {
  }
}
"""


def _found(text: str) -> tuple[bool, int] | None:
    places = Places(text)
    imbalance = find_imbalance(list(tokenize(text)), places)
    return None if imbalance is None else (imbalance.missing, places.of(imbalance.brace.start)[0])


@pytest.mark.parametrize("text", ["", "a: 1", BALANCED, "a { b { } }", "model\n{\n  ssd\n  {\n  }\n}\n"])
def test_balanced(text: str) -> None:
    assert _found(text) is None


@pytest.mark.parametrize(
    ("old", "new", "missing", "line"),
    [
        ("    }\n", "", True, 3),  # a isn't closed
        ("  }\n}", "}", True, 2),  # ssd isn't closed
        ("  }\n}", "  }", True, 1),
        ("{ x: 1 }", "{ x: 1", True, 4),
        ("x: 1 }\n", "x: 1 }\n      }\n", False, 5),
        ("    }\n", "    }\n    }\n", False, 6),
        ("  }\n}", "  }\n}\n}", False, 9),
        ("model {", "model", False, 8),
    ],
)
def test_unbalanced(old: str, new: str, missing: bool, line: int) -> None:
    assert old in BALANCED
    assert _found(BALANCED.replace(old, new, 1)) == (missing, line)


def test_without_lines_the_last_open_block_or_the_first_brace_too_many_counts() -> None:
    assert _found("a { b { } c {") == (True, 1)
    tokens = list(tokenize("a { b { } c {"))
    imbalance = find_imbalance(tokens, Places("a { b { } c {"))
    assert imbalance is not None and imbalance.brace == tokens[-1]
    assert _found("a { } } b {") == (False, 1)
