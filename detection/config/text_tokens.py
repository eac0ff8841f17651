"""The words of protobuf text, each with its place."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import NamedTuple

QUOTES_OF_WORD_PROCESSORS = "‘’‚‛“”„‟′″«»´`"
OPENERS = {"{": "}", "<": ">"}
CLOSERS = frozenset(OPENERS.values())

# As protobuf's own tokenizer reads it; `broken` is a quote that its line doesn't close.
_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\n\\]|\\.)*"|'(?:[^'\n\\]|\\.)*')
    |(?P<broken>["'][^\n]*)
    |(?P<name>[A-Za-z_][0-9A-Za-z_+-]*)
    |(?P<number>(?:[0-9+-]|\.[0-9])[0-9A-Za-z_.+-]*)
    |(?P<other>.)""",
    re.VERBOSE,
)
_BLANKS = re.compile(r"[ \t]{0,200}")


class Token(NamedTuple):
    """One word: `kind` is string, broken, name, number or other; `start` and `end` are offsets."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """The offset behind the last character."""
        return self.start + len(self.text)


def tokenize(text: str) -> Iterator[Token]:
    """The tokens of `text` in order, without white space and comments."""
    for match in _TOKEN.finditer(text):
        if match.lastgroup and match.lastgroup != "skip":
            yield Token(match.lastgroup, match.group(), match.start())


class Places:
    """Lines and columns, both from 1, of offsets in a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def of(self, offset: int) -> tuple[int, int]:
        """The line and column of `offset`."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def around(self, offset: int) -> str:
        """The line of `offset`, cut where it is long."""
        line, column = self.of(offset)
        return self.line_text(line)[max(0, column - 200) : column + 200]

    def line_text(self, line: int) -> str:
        """The text of a line, without its end."""
        start = self._starts[line - 1]
        end = self._starts[line] if line < len(self._starts) else len(self._text)
        return self._text[start:end].rstrip("\r\n")

    def indent(self, offset: int) -> int:
        """The columns of white space that the line of `offset` starts with, at most 200."""
        return len(self._blank_start(offset).group().expandtabs())

    def starts_line(self, offset: int) -> bool:
        """Whether nothing but white space stands before `offset` on its line."""
        return self._blank_start(offset).end() >= offset

    def _blank_start(self, offset: int) -> re.Match[str]:
        match = _BLANKS.match(self._text, self._starts[self.of(offset)[0] - 1])
        assert match is not None  # it matches nothing, too
        return match
