"""Finds the line of a field in pipeline.config text, which the proto parser does not remember."""

from __future__ import annotations

from detection.config.text_tokens import Places
from detection.config.text_tree import Entry, parse_tree


class Locator:
    """The places of the fields of one text."""

    def __init__(self, text: str) -> None:
        self._places = Places(text)
        self._tree = parse_tree(text)

    def line_of(self, field: str) -> int:
        """The line (from 1) of a dotted path, or of the nearest block around it that is in the text; or 1.

        A repeated block without an index ("eval_input_reader[1]") is the first that has the rest of the path.
        """
        _, offset = _deepest(self._tree, field.split("."), 0)
        return self._places.of(offset)[0]


def split_index(part: str) -> tuple[str, int | None]:
    """A part of a dotted path as name and index: ("eval_input_reader", 1)."""
    name, bracket, index = part.removesuffix("]").partition("[")
    return name, int(index) if bracket else None


def _deepest(entries: tuple[Entry, ...], parts: list[str], around: int) -> tuple[int, int]:
    """How many of the parts are in the text, and where the last of these begins; `around` if none is."""
    best = (0, around)
    if not parts:
        return best
    name, index = split_index(parts[0])
    found = [(entry, value) for entry in entries if entry.name == name for value in entry.values]
    for entry, value in found if index is None else found[index : index + 1]:
        start = entry.start if len(entry.values) == 1 else value.start
        depth, offset = _deepest(value.entries or (), parts[1:], start)
        if depth + 1 > best[0]:
            best = (depth + 1, offset)
    return best
