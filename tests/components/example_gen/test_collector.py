from __future__ import annotations

import gc
import weakref

import pytest

from components.example_gen.collector import no_collection, only_new_objects


class Node:
    def __init__(self):
        self.itself = self


def test_nothing_is_collected_in_the_block_alone():
    with pytest.raises(ValueError), no_collection():
        assert not gc.isenabled()
        raise ValueError
    assert gc.isenabled()
    gc.disable()
    try:
        with no_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_only_what_is_new_is_collected():
    old = Node()
    seen = weakref.ref(old)
    with only_new_objects():
        del old
        new = weakref.ref(Node())
        gc.collect()
        assert seen() is not None and new() is None
    assert gc.get_freeze_count() == 0
    gc.collect()
    assert seen() is None


def test_a_few_hundred_new_objects_are_not_looked_at():
    before, rounds = gc.get_threshold(), []
    gc.callbacks.append(lambda phase, info: rounds.append(phase))
    try:
        with pytest.raises(ValueError), only_new_objects():
            kept = [[] for _ in range(2000)]
            assert not rounds
            kept += [[] for _ in range(20_000)]
            assert rounds
            raise ValueError
    finally:
        gc.callbacks.pop()
    assert gc.get_threshold() == before
