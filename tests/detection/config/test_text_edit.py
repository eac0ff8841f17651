"""Edits leave everything else as it is."""

from __future__ import annotations

import pytest

from detection.config.text_edit import (
    Edit,
    apply_edits,
    insertion,
    removal,
    removal_of_value,
    replacement,
)
from detection.config.text_tree import Entry, parse_tree


def field(text: str, *path: str) -> Entry:
    """The entry at a path of names."""
    entries = parse_tree(text)
    for name in path[:-1]:
        entries = next(entry for entry in entries if entry.name == name).values[0].entries or ()
    return next(entry for entry in entries if entry.name == path[-1])


def test_edits_are_of_the_text_as_it_was() -> None:
    assert apply_edits("abcdef", [Edit(4, 6, "X"), Edit(0, 1, "yy"), Edit(2, 2, "-")]) == "yyb-cdX"


def test_a_value_is_replaced_in_its_place() -> None:
    text = "a: 1  # one\nb: 'x'\n  'y';\n"
    assert apply_edits(text, [replacement(field(text, "b").values[0], '"z"')]) == 'a: 1  # one\nb: "z";\n'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("m {\n  # why\n  a: 1  # one\n  b: 2\n}\n", "m {\n  # why\n  b: 2\n}\n"),
        ("m {\n  a: {\n    # inside\n    c: 1\n  }\n}\n", "m {\n}\n"),
        ("m {\n  a: 1; b: 2\n}\n", "m {\n  b: 2\n}\n"),
        ("m {\n  b: 2 a: 1\n}\n", "m {\n  b: 2\n}\n"),
        ("m { a: 1 }", "m { }"),
        ("m { a: 1, b: 2 }", "m { b: 2 }"),
        ("m {\r\n  a: 1\r\n  b: 2\r\n}\r\n", "m {\r\n  b: 2\r\n}\r\n"),
    ],
)
def test_a_removed_field_takes_its_lines_with_it(text: str, left: str) -> None:
    assert apply_edits(text, [removal(text, field(text, "m", "a"))]) == left


def test_the_last_line_may_have_no_end() -> None:
    text = "a: 1\nb: 2"
    assert apply_edits(text, [removal(text, field(text, "b"))]) == "a: 1\n"


@pytest.mark.parametrize(("number", "left"), [(0, "a: [2, 3]"), (1, "a: [1, 3]"), (2, "a: [1, 2]")])
def test_one_value_of_a_list_is_removed(number: int, left: str) -> None:
    text = "a: [1, 2, 3]"
    assert apply_edits(text, [removal_of_value(field(text, "a"), number)]) == left


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("m {\n    a: 1\n}\n", "m {\n    a: 1\n    x: 9\n}\n"),
        ("m {\n}\n", "m {\n  x: 9\n}\n"),
        ("m {\n   a: 1  # last\n   # a word\n}\n", "m {\n   a: 1  # last\n   # a word\n   x: 9\n}\n"),
        ("m { a: 1 }", "m { a: 1 x: 9 }"),
        ("m {}", "m { x: 9 }"),
        ("m <\n\ta: 1>\n", "m <\n\ta: 1 x: 9 >\n"),
        ("m {\r\n  a: 1\r\n}\r\n", "m {\r\n  a: 1\r\n  x: 9\r\n}\r\n"),
    ],
)  # fmt: skip
def test_a_field_is_put_in_at_the_end_of_its_block(text: str, after: str) -> None:
    block = field(text, "m").values[0]
    assert apply_edits(text, [insertion(text, block, ["x"], "9")]) == after


def test_blocks_are_made_around_it() -> None:
    text = "m {\n  a: 1\n}"
    edit = insertion(text, field(text, "m").values[0], ["n", "o", "x"], "9")
    assert apply_edits(text, [edit]) == "m {\n  a: 1\n  n {\n    o {\n      x: 9\n    }\n  }\n}"
    inline = "m { }"
    edit = insertion(inline, field(inline, "m").values[0], ["n", "o", "x"], "9")
    assert apply_edits(inline, [edit]) == "m { n { o { x: 9 } } }"
    assert apply_edits(text, [insertion(text, None, ["n", "x"], "9")]) == f"{text}\nn {{\n  x: 9\n}}\n"
