"""Parses protobuf text, and turns a parse error into what a person has to change and where."""

from __future__ import annotations

import re
import warnings
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from detection.config.text_fault import TextFault, fault_at
from detection.config.text_lookalikes import refuse_lookalikes
from detection.config.text_tokens import Places, tokenize
from detection.config.text_values import broken_windows_path
from detection.config.text_walk import Walk

M = TypeVar("M", bound=Message)

_MAX_WALKED = 1 << 20  # characters; no person wrote a longer one
_POSITION = re.compile(r"^\d+:\d+ : (?:'.*?(?<!\\)': |\".*?(?<!\\)\": )?", re.DOTALL)


def parse_text(text: str, message: M, source: str, kind: str) -> M:
    """Fills and returns `message` from protobuf text; TextFault names `source:line:column` of an error."""
    refuse_lookalikes(text, source, kind)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of escapes that Python doesn't know
            text_format.Parse(text, message)
    except (text_format.ParseError, ValueError, RecursionError) as error:
        raise _explain(error, text, message, source, kind) from error
    _refuse_broken_paths(text, source, kind)
    return message


def _explain(error: Exception, text: str, message: Message, source: str, kind: str) -> TextFault:
    """The walk's reason, or protobuf's own where the walk has nothing to say."""
    if len(text) <= _MAX_WALKED and (fault := Walk(text, message.DESCRIPTOR, source, kind).fault):
        return fault
    line = getattr(error, "GetLine", lambda: None)()
    column = getattr(error, "GetColumn", lambda: None)()
    what = _POSITION.sub("", str(error)).strip() or "nested too deeply"
    wrong = Places(text).line_text(line).strip()[:80] if line else ""
    return TextFault(
        "TXT018",
        f"{kind}: {what}",
        source,
        f"correct this line: {wrong!r}" if wrong else "correct the text",
        line,
        column,
    )


def _refuse_broken_paths(text: str, source: str, kind: str) -> None:
    """A Windows path may parse, and be another path: \\t in it is a tab."""
    if "\\" not in text:
        return
    for token in tokenize(text):
        if token.kind == "string" and (reason := broken_windows_path(token.text)):
            raise fault_at(reason, token.start, Places(text), source, kind)
