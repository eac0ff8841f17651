"""A text while it is edited: what it is now, which rule changed which line, and the diff that says so."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from detection.config.text_edit import Edit, apart

_CONTEXT = 3
_NO_NEWLINE = "\n\\ No newline at end of file\n"


@dataclass(frozen=True)
class _Line:
    """A line now. `origin` is its number as given, from 0; of a `new` one, that of the line it belongs to."""

    text: str
    origin: int
    new: bool = False
    codes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Hunk:
    """Given lines from `start` to `end` became `lines`."""

    start: int
    end: int
    lines: list[_Line]
    codes: tuple[str, ...]


class TextHistory:
    """A text as given, and as it is after edits."""

    def __init__(self, given: str) -> None:
        self._given = _split(given)
        self._lines = [_Line(line, number) for number, line in enumerate(self._given)]
        self._removed: dict[int, tuple[str, ...]] = {}  # given lines that are gone, and by which codes

    @property
    def text(self) -> str:
        """The text now."""
        return "".join(line.text for line in self._lines)

    def edit(self, edits: Iterable[Edit], code: str) -> None:
        """Makes the edits, for the rule `code`; their offsets are those of the text now."""
        for edit in reversed(apart(edits)):
            text = self.text
            first, end = text.count("\n", 0, edit.start), text.count("\n", 0, edit.end) + 1
            head, tail = text[: edit.start].rpartition("\n")[2], text[edit.end :].partition("\n")
            if not head and edit.new.endswith("\n") or not head + edit.new:
                end -= text[: edit.end].endswith("\n") or edit.end == 0  # the line after it isn't touched
                replaced = _split(edit.new)
            else:
                replaced = _split(head + edit.new + tail[0] + tail[1])
            self._put(first, end, replaced, (code,))

    def replace(self, text: str, codes: Iterable[tuple[int, str]]) -> None:
        """Takes a text that was edited elsewhere, and (line of the given text from 1, code) of its edits."""
        by_line = {line - 1: code for line, code in codes}
        after = _split(text)
        matcher = difflib.SequenceMatcher(None, [line.text for line in self._lines], after, autojunk=False)
        for tag, i1, i2, j1, j2 in reversed(matcher.get_opcodes()):
            if tag != "equal":
                touched = [line.origin for line in self._lines[i1:i2]]
                found = tuple(dict.fromkeys(by_line[line] for line in touched if line in by_line))
                self._put(i1, i2, after[j1:j2], found)

    def given_line(self, line: int) -> int:
        """The line (from 1) of the given text that a line of the text now came from."""
        return self._lines[min(line, len(self._lines)) - 1].origin + 1 if self._lines else 1

    def diff(self, name: str) -> str:
        """The unified diff from the given text: a hunk for each change, with its codes behind the @@."""
        groups = _grouped(
            hunk
            for hunk in self._hunks()
            if self._given[hunk.start : hunk.end] != [line.text for line in hunk.lines]
        )
        if not groups:
            return ""
        parts = [f"--- {name} (as given)\n", f"+++ {name} (resolved)\n"]
        shift = 0  # how far the lines have moved
        for number, group in enumerate(groups):
            start, end = group[0].start, group[-1].end
            growth = sum(len(hunk.lines) - (hunk.end - hunk.start) for hunk in group)
            gaps = [start - groups[number - 1][-1].end] if number else []
            gaps += [groups[number + 1][0].start - end] if number + 1 < len(groups) else []
            context = min(_CONTEXT, *(gap // 2 for gap in gaps)) if gaps else _CONTEXT
            first, last = max(start - context, 0), min(end + context, len(self._given))
            old, new = _span(first, last - first), _span(first + shift, last - first + growth)
            codes = " ".join(dict.fromkeys(code for hunk in group for code in hunk.codes))
            parts.append(f"@@ -{old} +{new} @@ {codes}\n")
            shift += growth
            for hunk in group:
                parts += _marked(" ", self._given[first : hunk.start])
                parts += _marked("-", self._given[hunk.start : hunk.end])
                parts += _marked("+", [line.text for line in hunk.lines])
                first = hunk.end
            parts += _marked(" ", self._given[first:last])
        return "".join(parts)

    def _put(self, first: int, end: int, texts: list[str], codes: tuple[str, ...]) -> None:
        """Puts new lines into the place of those from `first` to before `end`."""
        old = self._lines[first:end]
        codes = tuple(dict.fromkeys([code for line in old for code in line.codes] + list(codes)))
        for line in old:
            if not line.new:
                self._removed[line.origin] = codes
        origins = [line.origin for line in old or self._lines[max(first - 1, 0) : max(first, 1)]] or [0]
        self._lines[first:end] = [
            _Line(text, origins[min(number, len(origins) - 1)], True, codes)
            for number, text in enumerate(texts)
        ]

    def _hunks(self) -> Iterator[_Hunk]:
        """What differs between two lines that are as they were given."""
        start, lines = 0, []  # type: tuple[int, list[_Line]]
        for line in [*self._lines, _Line("", len(self._given))]:
            if line.new:
                lines.append(line)
                continue
            if lines or line.origin > start:
                codes = [code for number in range(start, line.origin) for code in self._removed[number]]
                codes += [code for one in lines for code in one.codes]
                yield _Hunk(start, line.origin, lines, tuple(dict.fromkeys(codes)))
            start, lines = line.origin + 1, []


def _grouped(hunks: Iterable[_Hunk]) -> list[list[_Hunk]]:
    """Hunks with fewer than two lines between them together: each hunk of a diff needs a line around it."""
    groups: list[list[_Hunk]] = []
    for hunk in hunks:
        if groups and hunk.start - groups[-1][-1].end < 2:
            groups[-1].append(hunk)
        else:
            groups.append([hunk])
    return groups


def _split(text: str) -> list[str]:
    """Lines with their ends; only \\n ends one, as in the line numbers of protobuf."""
    lines = text.split("\n")
    return [line + "\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def _marked(mark: str, lines: list[str]) -> list[str]:
    return [mark + line if line.endswith("\n") else mark + line + _NO_NEWLINE for line in lines]


def _span(start: int, length: int) -> str:
    return f"{start + 1 if length else start},{length}"
