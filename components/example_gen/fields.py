"""Numbers and text as annotations write them."""

from __future__ import annotations

import math

_UTF_16 = (b"\xff\xfe", b"\xfe\xff")  # its byte order marks


def text_of(data: bytes, errors: str = "strict") -> str:
    """The text: of UTF-8, with a byte order mark or without, or of UTF-16, as some of Windows' tools write.

    Raises UnicodeDecodeError, unless `errors` says otherwise (as of bytes.decode).
    """
    return data.decode("utf-16" if data[:2] in _UTF_16 else "utf-8-sig", errors)


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
