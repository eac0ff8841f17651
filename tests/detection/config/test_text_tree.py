"""The tree agrees with protobuf's own parser, and gives each field its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from detection.config import protos
from detection.config.text_tree import Entry, parse_tree

CONFIGS = Path(__file__).resolve().parents[4] / "shared/data/configs"

TEXT = """# model { a: 1 }
model: {
  name: "a" 'b'  # in two parts
  list: [1, -2.5e-3, FIXED]; empty: []
  blocks: [{ x: 1 }, < x: 2 >],
  [full.name.ext] { y: -inf }
}
top: 3
"""


def outline(entries: tuple[Entry, ...]) -> list[Any]:
    """Names, and the text of scalars."""
    return [
        (
            entry.name,
            [TEXT[v.start : v.end] if v.entries is None else outline(v.entries) for v in entry.values],
        )
        for entry in entries
    ]


def test_the_shape_of_a_text() -> None:
    assert outline(parse_tree(TEXT)) == [
        (
            "model",
            [
                [
                    ("name", ["\"a\" 'b'"]),
                    ("list", ["1", "-2.5e-3", "FIXED"]),
                    ("empty", []),
                    ("blocks", [[("x", ["1"])], [("x", ["2"])]]),
                    ("[full.name.ext]", [[("y", ["-inf"])]]),
                ]
            ],
        ),
        ("top", ["3"]),
    ]


def test_spans_hold_braces_and_separators() -> None:
    model, top = parse_tree(TEXT)
    assert TEXT[model.start :].startswith("model: {") and TEXT[: model.end].endswith("}\n}")
    assert TEXT[top.start : top.end] == "top: 3"
    assert model.values[0].entries is not None
    listed = model.values[0].entries[1]
    assert TEXT[listed.start : listed.end] == "list: [1, -2.5e-3, FIXED];"


@pytest.mark.parametrize(
    "text", ["", "}", "a {", "a: [1", "a: }", "[x", ": ; , ]", 'a: "b', "a { b: { } } }"]
)
def test_other_text_is_passed_over(text: str) -> None:
    for entry in parse_tree(text):
        assert 0 <= entry.start < entry.end <= len(text)


@pytest.mark.skipif(not CONFIGS.is_dir(), reason=f"no configs in {CONFIGS}")
def test_every_upstream_config_has_as_many_values_as_its_proto() -> None:
    seen = 0
    for path in sorted(CONFIGS.rglob("*.config")):
        text = path.read_text(encoding="utf-8-sig")
        try:
            message = text_format.Parse(text, protos.TrainEvalPipelineConfig())
        except text_format.ParseError:
            continue  # of another project, or an older version
        assert values_in_tree(parse_tree(text)) == values_in_proto(message), path
        seen += 1
    assert seen > 100


def values_in_tree(entries: tuple[Entry, ...]) -> int:
    values = [value for entry in entries for value in entry.values]
    return len(values) + sum(values_in_tree(value.entries or ()) for value in values)


def values_in_proto(message: Any) -> int:
    total = 0
    for field, value in message.ListFields():
        elements = value if field.is_repeated else [value]
        total += len(elements)
        if field.message_type is not None:
            is_map = field.message_type.GetOptions().map_entry  # its elements are a key and a value each
            total += 2 * len(elements) if is_map else sum(map(values_in_proto, elements))
    return total
