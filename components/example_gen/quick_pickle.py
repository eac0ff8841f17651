"""Lets small frozen dataclasses be pickled quickly.

Those with slots are pickled field by field in Python, by a state that dataclasses makes up each time; their
values alone cost half as much.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import cache
from operator import attrgetter
from typing import Any


class QuickPickle:
    """A base class of dataclasses that are made again from their fields' values, in order."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type[Any], tuple[Any, ...]]:
        """The class and its arguments."""
        made_by: Any = type(self)  # for mypy a class with slots has no hash
        return made_by, _values(made_by)(self)


@cache
def _values(of: type[Any]) -> Callable[[Any], tuple[Any, ...]]:
    names = [field.name for field in fields(of)]
    if len(names) > 1:
        return attrgetter(*names)
    (name,) = names  # attrgetter gives a single value bare
    return lambda one: (getattr(one, name),)
