from __future__ import annotations

import pickle
from dataclasses import dataclass, fields

import pytest

from components.example_gen.quick_pickle import QuickPickle
from components.example_gen.sources import FileSource, RecordSource

RECORDS = [FileSource("/data/a.jpg"), RecordSource("/data/a.tfrecord", 12, 34, True)]


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: type(one).__name__)
def test_every_field_comes_back(one):
    back = pickle.loads(pickle.dumps(one, pickle.HIGHEST_PROTOCOL))
    assert back == one and type(back) is type(one)
    assert [getattr(back, field.name) for field in fields(one)] == [
        getattr(one, field.name) for field in fields(one)
    ]


@dataclass(frozen=True, slots=True)
class _Slow:
    place: str
    label: str
    xmin: float


@dataclass(frozen=True, slots=True)
class _Quick(QuickPickle):
    place: str
    label: str
    xmin: float


def test_no_state_is_stored_beside_the_values():
    slow, quick = (len(pickle.dumps([of("a", "b", i) for i in range(99)], 5)) for of in (_Slow, _Quick))
    assert quick < slow
