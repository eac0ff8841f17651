"""Finds the line of a field in pipeline.config text, which the proto parser does not remember."""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""(?P<skip>\#[^\n]*|\s+|;|,)|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<open>[{<])|(?P<close>[}>])|(?P<other>.)""",
    re.VERBOSE,
)


def field_lines(text: str) -> dict[str, int]:
    """The first line (from 1) of every field in protobuf text, by dotted path ("model.ssd.num_classes")."""
    lines: dict[str, int] = {}
    scope: list[str] = []
    name, previous, line = "", "", 1
    for token in _TOKEN.finditer(text):
        kind, value = token.lastgroup, token.group()
        if kind == "name" and previous not in (":", "["):  # else it is a value: an enum, true, false
            name = value
            lines.setdefault(".".join([*scope, name]), line)
        elif kind == "open":
            scope.append(name)
        elif kind == "close" and scope:
            scope.pop()
        if kind != "skip":
            previous = value
        line += value.count("\n")
    return lines


def line_of(lines: dict[str, int], field: str) -> int:
    """The line of `field`, or of the nearest block around it that is in the text; 1 if there is none."""
    while field:
        if field in lines:
            return lines[field]
        field = field.rpartition(".")[0]
    return 1
