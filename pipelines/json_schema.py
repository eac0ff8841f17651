"""The few keywords of JSON Schema that the rules of a trigger use, in the words of the package jsonschema.

Airflow validates by that package; the ML environment does without it, and says the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]


def problem(value: object, schema: Schema) -> str | None:
    """What jsonschema says of a value that breaks `schema`; None if it doesn't.

    Raises KeyError for another keyword than type, enum, minimum, exclusiveMinimum, maximum, maxLength and
    pattern.
    """
    for keyword, limit in schema.items():
        found = _KEYWORDS[keyword](value, limit)
        if found is not None:
            return f"{value!r} {found}"
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "number": _is_number,
    "integer": lambda value: _is_number(value) and (isinstance(value, int) or value.is_integer()),
}


def _type(value: object, wanted: str | list[str]) -> str | None:
    names = [wanted] if isinstance(wanted, str) else wanted
    if any(_TYPES[name](value) for name in names):
        return None
    return f"is not of type {', '.join(map(repr, names))}"


def _bound(breaks: Callable[[Any, Any], bool], words: str) -> Callable[[Any, Any], str | None]:
    def check(value: object, limit: float) -> str | None:
        return f"{words} of {limit!r}" if _is_number(value) and breaks(value, limit) else None

    return check


def _max_length(value: object, limit: int) -> str | None:
    return "is too long" if isinstance(value, str) and len(value) > limit else None


def _pattern(value: object, pattern: str) -> str | None:
    matches = not isinstance(value, str) or re.search(pattern, value)
    return None if matches else f"does not match {pattern!r}"


_KEYWORDS: dict[str, Callable[[Any, Any], str | None]] = {
    "type": _type,
    "enum": lambda value, values: None if value in values else f"is not one of {values!r}",
    "minimum": _bound(lambda value, limit: value < limit, "is less than the minimum"),
    "exclusiveMinimum": _bound(lambda value, limit: value <= limit, "is less than or equal to the minimum"),
    "maximum": _bound(lambda value, limit: value > limit, "is greater than the maximum"),
    "maxLength": _max_length,
    "pattern": _pattern,
}
