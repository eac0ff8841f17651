from __future__ import annotations

import hashlib

import pytest

from components.example_gen.content import NOTHING, Content

DATA = bytes(range(256)) * 10


def test_it_is_of_the_same_bytes_only():
    content = Content.of(DATA)
    assert content.sha256 == hashlib.sha256(DATA).hexdigest() and content.size == len(DATA)
    assert content.is_of(bytes(bytearray(DATA)))


@pytest.mark.parametrize("changed", [b"", DATA[:-1], DATA + b"\0", b"\1" + DATA[1:], DATA[1:] + DATA[:1]])
def test_other_bytes_are_told(changed):
    assert not Content.of(DATA).is_of(changed)


def test_nothing_is_not_an_empty_file():
    assert not NOTHING.is_of(b"") and Content.of(b"").is_of(b"")
