"""What is wrong with the text of a pipeline.config or label map, with a stable code and its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from detection.config.text_tokens import Places
from detection.errors import BadInput


class TextFault(BadInput):
    """A text that can't be read as what it should be.

    `code` ("TXT007", "MAP001") is one of `text_codes.TEXT_CODES`; `message` says what is wrong without the
    code; `line` and `column` count from 1, and are None where the file as a whole is meant.
    """

    def __init__(
        self,
        code: str,
        message: str,
        source: str,
        fix: str,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        place = ":".join(str(part) for part in (source, line, column) if part is not None)
        super().__init__(f"{code} {message}", place, fix)
        self.args = (code, message, source, fix, line, column)  # what a pickled copy is made from
        self.code = code
        self.message = message
        self.source = source
        self.line = line
        self.column = column


class Reason(NamedTuple):
    """Why something is wrong, wherever it stands: code, what, and the fix."""

    code: str
    what: str
    fix: str


def fault_at(reason: Reason, offset: int, places: Places, source: str, kind: str) -> TextFault:
    """The fault at `offset` of the text of `places`."""
    line, column = places.of(offset)
    return TextFault(reason.code, f"{kind}: {reason.what}", source, reason.fix, line, column)


@dataclass(frozen=True)
class TextCode:
    """One kind of fault or upgrade: what a person can look up under its code."""

    code: str
    title: str
    why: str
    example: str
    fix: str
