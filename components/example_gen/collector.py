"""Keeps Python's garbage collector away from what can't be garbage.

TensorFlow and Beam are a million objects. A full collection looks at all of them, for a quarter of a second,
and reading some ten thousand records is enough to set one off.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 5000


@contextmanager
def no_collection() -> Iterator[None]:
    """For work that makes many objects and no cycles of them: none is looked for until the block ends."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@contextmanager
def only_new_objects() -> Iterator[None]:
    """In the block only objects that are made in it are collected, so memory still doesn't grow.

    And not before there are a few thousand: a hundred images that wait to be counted are more than Python's
    700 already, and none of them garbage.
    """
    first, *later = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(max(first, _YOUNG), *later)
    try:
        yield
    finally:
        gc.set_threshold(first, *later)
        gc.unfreeze()
