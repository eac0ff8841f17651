"""Edits of protobuf text: what isn't edited stays as it is, with its comments, order and indentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detection.config.text_tree import Entry, Value

_STEP = "  "


@dataclass(frozen=True)
class Edit:
    """Puts `new` in the place of the characters from `start` to `end`."""

    start: int
    end: int
    new: str


def apart(edits: Iterable[Edit]) -> list[Edit]:
    """The edits in order, without overlaps: two removals may both take the white space between them."""
    found: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        taken = found[-1].end if found else 0
        found.append(Edit(max(edit.start, taken), max(edit.end, taken), edit.new))
    return found


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """`text` after the edits; their offsets are those of `text`."""
    for edit in reversed(apart(edits)):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def replacement(value: Value, new: str) -> Edit:
    """Another value in its place."""
    return Edit(value.start, value.end, new)


def removal(text: str, entry: Entry) -> Edit:
    """Takes an entry out: with all of its lines, where it has them to itself but for a comment at the end."""
    line_start, line_end = _line(text, entry.start)[0], _line(text, entry.end)[1]
    before, after = text[line_start : entry.start], text[entry.end : line_end].strip()
    if not before.strip() and (not after or after.startswith("#")):
        return Edit(line_start, line_end, "")
    start, end = entry.start, entry.end
    while end < line_end and text[end] in " \t":
        end += 1
    while not after and start > line_start and text[start - 1] in " \t":
        start -= 1
    return Edit(start, end, "")


def removal_of_value(entry: Entry, number: int) -> Edit:
    """Takes one of the several values out of a list in brackets."""
    value = entry.values[number]
    if number + 1 < len(entry.values):
        return Edit(value.start, entry.values[number + 1].start, "")
    return Edit(entry.values[number - 1].end, value.end, "")


def insertion(text: str, block: Value | None, path: list[str], value: str) -> Edit:
    """Puts a field in at the end of a block (None: of the whole text).

    `path` are the names of the blocks to make inside it, and at last of the field.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    if block is None:
        gap = "" if not text or text.endswith("\n") else newline
        return Edit(len(text), len(text), gap + _lines(path, value, "", newline))
    close = block.end - 1
    line_start = _line(text, close)[0]
    if line_start > block.start and not text[line_start:close].strip():
        indentation = _indentation(text, block) or text[line_start:close] + _STEP
        return Edit(line_start, line_start, _lines(path, value, indentation, newline))
    opened = [f"{name} {{" for name in path[:-1]]
    inline = " ".join([*opened, f"{path[-1]}: {value}", *("}" for _ in opened)])
    gap = "" if text[close - 1].isspace() else " "
    return Edit(close, close, f"{gap}{inline} ")


def _lines(path: list[str], value: str, indentation: str, newline: str) -> str:
    depth = len(path) - 1
    lines = [f"{_STEP * level}{name} {{" for level, name in enumerate(path[:-1])]
    lines.append(f"{_STEP * depth}{path[-1]}: {value}")
    lines += [f"{_STEP * level}}}" for level in reversed(range(depth))]
    return "".join(f"{indentation}{line}{newline}" for line in lines)


def _indentation(text: str, block: Value) -> str:
    """That of the first entry of the block which begins a line; "" if none does."""
    for entry in block.entries or ():
        before = text[_line(text, entry.start)[0] : entry.start]
        if not before.strip():
            return before
    return ""


def _line(text: str, offset: int) -> tuple[int, int]:
    """Where the line with this character begins, and where the next one does."""
    end = text.find("\n", offset)
    return text.rfind("\n", 0, offset) + 1, len(text) if end < 0 else end + 1
