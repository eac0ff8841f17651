"""Whether the value of a field can be what its schema wants, and if not, why."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from google.protobuf.descriptor import FieldDescriptor

from detection.config.text_fault import Reason
from detection.config.text_tokens import QUOTES_OF_WORD_PROCESSORS, Token

_INTEGER = re.compile(r"-?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)\Z", re.IGNORECASE)
_FLOAT = re.compile(
    r"-?(?!0[0-9])(inf(inity)?|nan|([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?f?)\Z", re.IGNORECASE
)
_WHOLE = re.compile(r"-?[0-9]{1,15}(\.[0-9]{0,15})?(e[0-9]{1,2})?\Z", re.IGNORECASE)  # perhaps
_MAX_NAME = 80  # the longest that is compared or shown
_BOOL = frozenset({"true", "t", "True", "1", "false", "f", "False", "0"})
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_FLOATS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)
# C:\\... and \\\\server, with backslashes that are not doubled
_WINDOWS_PATH = re.compile(r"(^|\W)[A-Za-z]:\\(?!\\)|^\\\\(?!\\)\w")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = frozenset("abfnrtvxuU01234567\"'")  # a backslash before another character stands for itself


def check_value(field: FieldDescriptor, token: Token, rest: str = "") -> Reason | None:
    """Why `token` can't be a value of the scalar `field`; None if it can. `rest`: its line from there on."""
    text = token.text
    if text[0] in QUOTES_OF_WORD_PROCESSORS:
        return curly_quotes()
    if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
        return _check_string(field, token, rest)
    if token.kind == "broken":
        return unterminated()
    if token.kind == "string":
        return _quoted(field, text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return None if text in _BOOL else _wrong_type(field, "true or false", text)
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return _check_enum(field, token)
    if field.cpp_type in _FLOATS:
        return None if _FLOAT.match(text) else _wrong_type(field, "a number", text)
    return _check_integer(field, text)


def nearest_names(name: str, known: Iterable[str], cutoff: float = 0.7) -> list[str]:
    """At most three of the `known` names that `name` may have been meant for, the likeliest first."""
    by_plain = {k.lower().replace("_", ""): k for k in known}
    wanted = name[:_MAX_NAME].lower().replace("_", "")
    return [by_plain[key] for key in difflib.get_close_matches(wanted, list(by_plain), n=3, cutoff=cutoff)]


def curly_quotes() -> Reason:
    """Quotes that a word processor or a chat program made of straight ones."""
    return Reason("TXT004", "curly quotes from a word processor", 'replace them with straight quotes (")')


def unterminated() -> Reason:
    """A text whose closing quote is not on its line."""
    return Reason(
        "TXT017", "a text in quotes does not end on its line", "close the quotes; a text can't go over lines"
    )


def broken_windows_path(text: str) -> Reason | None:
    """Why a text in quotes isn't the Windows path that it looks like; None if nothing in it is lost."""
    inside = text[1:]
    if not _WINDOWS_PATH.search(inside):
        return None
    for escape in _ESCAPE.finditer(inside):
        if escape.group(1) in _ESCAPES:
            return Reason(
                "TXT010",
                f"a Windows path is read as another one: {escape.group()} is an escape here",
                "write / instead of \\",
            )
    return None


def _check_string(field: FieldDescriptor, token: Token, rest: str) -> Reason | None:
    if token.kind == "string":
        return broken_windows_path(token.text)
    if token.kind == "broken":
        return broken_windows_path(token.text) or unterminated()
    written = re.split(r"[#{}<>;,]|\s\w+\s*[:{]", rest)[0].strip().strip("\"'") or token.text
    if _FLOAT.match(written):
        return Reason(
            "TXT009", f"{field.name} takes a text, not a number", f'write {field.name}: "{written}"'
        )
    if re.search(r"[/\\]", written):
        what, fix = "a path or address without quotes", written.replace("\\", "/")
    else:
        what, fix = f"{field.name} takes a text, and a text stands in quotes", written
    return Reason("TXT010", what, f'write "{fix}"')


def _quoted(field: FieldDescriptor, text: str) -> Reason:
    bare = text[1:-1]
    wanted = _kind_of_value(field)
    if check_value(field, Token("name", bare or " ", 0)) is None:
        return Reason("TXT009", f"{field.name} takes {wanted}, not a text", f"write {bare} without quotes")
    return Reason("TXT009", f"{field.name} takes {wanted}, not a text", f"write {wanted} in place of {text}")


def _check_enum(field: FieldDescriptor, token: Token) -> Reason | None:
    names = [value.name for value in field.enum_type.values]
    if token.text in names or (
        _INTEGER.match(token.text) and _integer(token.text[:40]) in field.enum_type.values_by_number
    ):
        return None
    nearest = nearest_names(token.text, names, cutoff=0.6)
    return Reason(
        "TXT002",
        f"{field.name} can't be {token.text[:40]!r}",
        f"did you mean {' or '.join(nearest)}?" if nearest else f"choose {' or '.join(names)}",
    )


def _check_integer(field: FieldDescriptor, text: str) -> Reason | None:
    low, high = _INTEGERS[field.cpp_type]
    if not _INTEGER.match(text):
        reason = _wrong_type(field, "a whole number", text)
        if _WHOLE.match(text) and (value := float(text)).is_integer():
            reason = reason._replace(fix=f"write {int(value)}")
        return reason
    too_long = len(text) > 40
    if too_long or not low <= _integer(text) <= high:
        return Reason("TXT009", f"{field.name} can't be {text[:40]}", f"choose a value from {low} to {high}")
    return None


def _integer(text: str) -> int:
    return int(text, 8) if re.match(r"-?0[0-7]", text) else int(text, 0)


def _kind_of_value(field: FieldDescriptor) -> str:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "true or false"
    if field.cpp_type == FieldDescriptor.CPPTYPE_ENUM:
        return "one of " + ", ".join(value.name for value in field.enum_type.values)
    return "a number" if field.cpp_type in _FLOATS else "a whole number"


def _wrong_type(field: FieldDescriptor, wanted: str, text: str) -> Reason:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL and text.lower() in (
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
    ):
        return Reason(
            "TXT009",
            f"{field.name} takes {wanted}, not {text}",
            f"write {'true' if text.lower() in ('true', 'yes', 'on') else 'false'}",
        )
    return Reason("TXT009", f"{field.name} takes {wanted}, not {text[:40]!r}", f"write {wanted}")
