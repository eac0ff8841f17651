"""Protobuf text as a tree of entries with their places in the text, which the protobuf parser forgets.

It is for text that the parser takes. It raises nothing for other text, and passes over what fits nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from detection.config.text_tokens import CLOSERS, OPENERS, Token, tokenize

_SEPARATORS = (";", ",")


@dataclass(frozen=True)
class Value:
    """What stands after a name: a scalar, or a block with its braces (then `entries` isn't None)."""

    start: int
    end: int
    entries: tuple[Entry, ...] | None = None


@dataclass(frozen=True)
class Entry:
    """A named field: text from `start` to `end`, a `;` or `,` after it included.

    It has one value, or those of a list in brackets. `name` of an extension is "[full.name]".
    """

    name: str
    start: int
    end: int
    values: tuple[Value, ...]


def parse_tree(text: str) -> tuple[Entry, ...]:
    """The entries at the top level of `text`. Raises RecursionError for hundreds of blocks in each other."""
    return _Reader(text).entries(nested=False)


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens = list(tokenize(text))
        self._at = 0

    def entries(self, nested: bool) -> tuple[Entry, ...]:
        """Entries up to the brace that closes the block (it is taken), or the end of the text."""
        found = []
        while self._at < len(self._tokens):
            if self._tokens[self._at].kind == "name" or self._next() == "[":
                found.append(self._entry())
            elif self._take().text in CLOSERS and nested:
                break
        return tuple(found)

    def _entry(self) -> Entry:
        first = self._take()
        name = first.text
        if name == "[":
            while self._next() and not name.endswith("]"):
                name += self._take().text
        if self._next() == ":":
            self._take()
        values = tuple(self._values())
        if self._next() in _SEPARATORS:
            self._take()
        return Entry(name, first.start, self._tokens[self._at - 1].end, values)

    def _values(self) -> Iterator[Value]:
        if self._next() != "[":
            yield from self._value()
            return
        self._take()
        while self._next() not in ("", "]", *CLOSERS):
            if self._next() in _SEPARATORS:
                self._take()
            else:
                yield from self._value()
        if self._next() == "]":
            self._take()

    def _value(self) -> Iterator[Value]:
        """One value; none where the text ends, or a block does."""
        if self._next() in ("", *CLOSERS, *_SEPARATORS):
            return
        first = self._take()
        if first.text in OPENERS:
            entries = self.entries(nested=True)
            yield Value(first.start, self._tokens[self._at - 1].end, entries)
            return
        if first.kind == "string":  # adjacent strings are one
            while self._at < len(self._tokens) and self._tokens[self._at].kind == "string":
                self._take()
        elif first.text == "-" and self._next():
            self._take()
        yield Value(first.start, self._tokens[self._at - 1].end)

    def _next(self) -> str:
        """The text of the next token; "" at the end."""
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _take(self) -> Token:
        self._at += 1
        return self._tokens[self._at - 1]
