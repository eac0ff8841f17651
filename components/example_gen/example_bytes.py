"""The bytes of a tf.train.Example, written at once.

They are those that protobuf's deterministic serialisation gives. It builds a message first, which costs five
times as much: the image is copied into it and out again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain

# Protobuf's tags: the field's number, and 2 for what comes with its length.
_FEATURES = _NAME = _VALUES = b"\x0a"  # field 1 of Example, of a map's entry, of each list
_FEATURE = b"\x12"  # field 2 of a map's entry
_BYTES, _FLOATS, _INTS = b"\x0a", b"\x12", b"\x1a"  # the lists that a Feature may have

Entry = tuple[bytes, ...]  # a named feature in pieces: a large image is copied only when all are joined


def bytes_entry(name: str, values: Sequence[bytes]) -> Entry:
    """A feature with a list of byte strings."""
    if len(values) == 1 and values[0]:
        return _start(name, _BYTES, len(values[0])), values[0]
    content = b"".join([_VALUES + _varint(len(value)) + value for value in values])
    return feature_entry(name, _BYTES + _varint(len(content)) + content)


def floats_entry(name: str, values: Sequence[float]) -> Entry:
    """A feature with a list of float32."""
    packed = _floats(len(values)).pack(*values)
    return _start(name, _FLOATS, len(packed)), packed


def ints_entry(name: str, values: Iterable[int]) -> Entry:
    """A feature with a list of int64; none may be negative."""
    packed = b"".join(map(_varint, values))
    return _start(name, _INTS, len(packed)), packed


def feature_entry(name: str, feature: bytes) -> Entry:
    """A feature that is serialised already."""
    return _named(name, len(feature)), feature


def example_of(entries: Mapping[str, Entry]) -> bytes:
    """The serialised Example of features by their names."""
    pieces = [b"", *chain.from_iterable(map(entries.__getitem__, sorted(entries)))]
    pieces[0] = _FEATURES + _varint(sum(map(len, pieces)))
    return b"".join(pieces)


# The images of a data set have most of their sizes in common.
@lru_cache(maxsize=4096)
def _start(name: str, kind: bytes, size: int) -> bytes:
    """What stands before a list's only value, or its packed ones, of so many bytes together."""
    before = _VALUES + _varint(size) if size else b""
    start = kind + _varint(len(before) + size) + before
    return _named(name, len(start) + size) + start


@lru_cache(maxsize=256)
def _floats(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}f")


def _named(name: str, size: int) -> bytes:
    """What stands before a feature of so many bytes."""
    encoded = name.encode()
    start = _NAME + _varint(len(encoded)) + encoded + _FEATURE + _varint(size)
    return _FEATURES + _varint(len(start) + size) + start


def _varint(value: int) -> bytes:
    """A number of at least 0: seven bits a byte, the lowest first, the top bit set on all but the last."""
    found = bytearray()
    while value >= 128:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
