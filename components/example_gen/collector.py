"""Keeps Python's garbage collector away from what can't be garbage.

TensorFlow and Beam are a million objects. A full collection looks at all of them, for a quarter of a second,
and reading some ten thousand records is enough to set one off.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
    """In the block only objects that are made in it are collected, so memory still doesn't grow."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
