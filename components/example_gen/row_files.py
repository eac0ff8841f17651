"""The rows of a shard's images (Outcome.row) in a file, written and read a few at a time."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import IO, Any

_TOGETHER = 100


def write_rows(rows: Iterable[dict[str, Any]], stream: IO[bytes]) -> None:
    """Appends the rows as they come."""
    left = iter(rows)
    while some := list(islice(left, _TOGETHER)):
        pickle.dump(some, stream, pickle.HIGHEST_PROTOCOL)


def read_rows(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
    """The rows of a file, in their order."""
    while True:
        try:
            some = pickle.load(stream)
        except EOFError:
            return
        yield from some
