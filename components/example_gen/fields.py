"""Numbers as annotations write them."""

from __future__ import annotations

import math


def number_in(text: str | None) -> float:
    """The number, or NaN where none stands."""
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def size_in(text: str | None) -> int:
    """A width or height in pixels, or 0 where none is stated."""
    number = number_in(text)
    return int(number) if math.isfinite(number) and number > 0 else 0
