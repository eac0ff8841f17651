"""Parses protobuf text, and turns a parse error into what a person has to change and where."""

from __future__ import annotations

import difflib
import re
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message

from detection.errors import BadInput

M = TypeVar("M", bound=Message)

_UNKNOWN_FIELD = re.compile(r'Message type "([\w.]+)" has no field named "(\w+)"')
_UNKNOWN_ENUM = re.compile(r'Enum type "([\w.]+)" has no value named (\w+)')
_REPEATED = re.compile(r'Message type "([\w.]+)" should not have multiple "(\w+)" fields')
_POSITION = re.compile(r"^\d+:\d+ : (?:'.*?(?<!\\)': |\".*?(?<!\\)\": )?", re.DOTALL)
_CURLY_QUOTES = "\u2018\u2019\u201c\u201d"


def parse_text(text: str, message: M, source: str, kind: str) -> M:
    """Fills and returns `message` from protobuf text; BadInput names `source:line:column` of an error."""
    _refuse_lookalikes(text, source, kind)
    try:
        text_format.Parse(text, message)
    except text_format.ParseError as error:
        line, column = error.GetLine() or 1, error.GetColumn() or 1
        what, fix = _explain(str(error), message.DESCRIPTOR, _line(text, line))
        raise BadInput(f"{kind}: {what}", f"{source}:{line}:{column}", fix) from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{kind}: {error or 'nested too deeply'}", source, "correct the text") from error
    return message


def _refuse_lookalikes(text: str, source: str, kind: str) -> None:
    start = text.lstrip()[:400].lower()
    if start.startswith(("<!doctype", "<html", "<?xml", "<annotation")):
        raise BadInput(
            f"{kind}: this is a web page or XML",
            f"{source}:1:1",
            "download the raw file, not the page around it",
        )
    if re.search(r'^\s*syntax\s*=\s*"proto[23]"', text, re.MULTILINE):
        raise BadInput(
            f"{kind}: this is a .proto schema", f"{source}:1:1", f"name a {kind}: values, not the schema"
        )


def _explain(error: str, root: Descriptor, line: str) -> tuple[str, str]:
    """What is wrong and the fix, for an error text of protobuf's parser."""
    if match := _UNKNOWN_FIELD.search(error):
        return _explain_field(root, match.group(1), match.group(2), line)
    if match := _UNKNOWN_ENUM.search(error):
        enum = root.file.pool.FindEnumTypeByName(match.group(1))
        names = [value.name for value in enum.values]
        nearest = _nearest(match.group(2), names) or names
        return f"no value {match.group(2)!r} in {enum.name}", f"did you mean {' or '.join(nearest)}?"
    if match := _REPEATED.search(error):
        message = match.group(1).rsplit(".", 1)[-1]
        return (
            f"{match.group(2)!r} is given twice in one {message}",
            "keep one of them, or close the block before with }",
        )
    what = _POSITION.sub("", error).strip()
    if any(quote in line for quote in _CURLY_QUOTES):
        return "curly quotes from a word processor", 'replace them with straight quotes (")'
    if "not registered" in error or "does not have extensions" in error:
        extension = line[line.find("[") : line.find("]") + 1]
        return f"extension {extension} is of another project", "remove this block; it can't be upcycled"
    if re.search(r"[A-Za-z]:\\|https?:", line):
        return what, "put the path or address in straight quotes, and use / instead of \\"
    if what == 'Expected "}".':
        return "a block is not closed", "close every { with a }"
    return what, f"correct this line: {line.strip()[:80]!r}"


def _explain_field(root: Descriptor, message_name: str, field: str, line: str) -> tuple[str, str]:
    message = root.file.pool.FindMessageTypeByName(message_name)
    what = f"unknown field {field!r} in {message.name}"
    if re.search(r"https?:|</?\w+>|[A-Za-z]:\\", line):
        return (
            what,
            f"this line looks pasted from a web page or is a path without quotes: {line.strip()[:80]!r}",
        )
    if nearest := _nearest(field, [f.name for f in message.fields]):
        return what, f"did you mean {' or '.join(nearest)}?"
    if owners := sorted(_owners(root, field)):
        return what, f"{field!r} belongs in {' or '.join(owners[:3])}: is a }} missing before this line?"
    known = ", ".join(sorted(f.name for f in message.fields)[:12])
    return what, f"remove it; {message.name} has {known}"


def _nearest(name: str, known: list[str]) -> list[str]:
    by_lower = {k.lower(): k for k in known}
    return [by_lower[k] for k in difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.7)]


def _owners(root: Descriptor, field: str) -> set[str]:
    """Names of the messages reachable from `root` that do have a field of that name."""
    owners: set[str] = set()
    seen: set[str] = set()
    waiting = [root]
    while waiting:
        message = waiting.pop()
        if message.full_name in seen:
            continue
        seen.add(message.full_name)
        if field in message.fields_by_name:
            owners.add("the top level" if message is root else message.name)
        waiting.extend(f.message_type for f in message.fields if f.message_type is not None)
    return owners


def _line(text: str, number: int) -> str:
    lines = text.split("\n")
    return lines[number - 1] if number <= len(lines) else ""
