"""Where the records of a TFRecord file lie, also of a damaged one: what comes after damage is found again.

A record is framed as: length (8 bytes, little-endian), checksum of the length (4), data, checksum of the data
(4). A checksum is the CRC-32C of the bytes, turned right by 15 bits, plus a constant.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import google_crc32c
import numpy as np

HEADER, FOOTER = 12, 4
SEARCH_CHUNK = 1 << 20
_MASK_DELTA = 0xA282EAD8


@dataclass(frozen=True)
class Frame:
    """One whole record: its data are `length` bytes from `offset` of the file."""

    index: int  # of the records and stretches of the file, from 0
    offset: int
    data: bytes


@dataclass(frozen=True)
class Damage:
    """A stretch of the file that no record is read from: `length` bytes from `offset`."""

    index: int
    offset: int
    length: int
    reason: str


def read_frames(stream: BinaryIO) -> Iterator[Frame | Damage]:
    """The records of a seekable file, one after the other, and each damaged stretch between them.

    One record is held in memory at a time. A record whose data are damaged is one stretch; where a length is
    damaged, or bytes are missing, the stretch reaches to the next record whose checksums are right.
    """
    size = stream.seek(0, 2)
    offset = index = 0
    while offset < size:
        length = _length_at(stream, offset, size)
        data = None if length is None else _data_at(stream, offset, length)
        if data is not None:
            yield Frame(index, offset + HEADER, data)
            following = offset + HEADER + len(data) + FOOTER
        else:
            following, reason = _after_damage(stream, offset, size, length)
            yield Damage(index, offset, following - offset, reason)
        offset, index = following, index + 1


def framed(data: bytes) -> tuple[bytes, bytes, bytes]:
    """A record as it stands in a file, in pieces."""
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)), data, struct.pack("<I", masked_crc(data))


def masked_crc(data: bytes) -> int:
    """The checksum as a TFRecord holds it."""
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def _after_damage(stream: BinaryIO, offset: int, size: int, length: int | None) -> tuple[int, str]:
    """Where reading goes on after a damaged record at `offset`, and what is damaged."""
    if length is not None:
        following = offset + HEADER + length + FOOTER
        if following == size or _length_at(stream, following, size) is not None:
            return following, "the data of a record don't fit their checksum"
        reason = "bytes are missing or added in a record"
    elif size - offset < HEADER:
        return size, "the file ends in the middle of a record"
    else:
        reason = _reason_for_header(stream, offset, size)
    return _next_record(stream, offset + 1, size), reason


def _reason_for_header(stream: BinaryIO, offset: int, size: int) -> str:
    stream.seek(offset)
    header = stream.read(HEADER)
    length, crc = struct.unpack("<QI", header)
    if masked_crc(header[:8]) == crc:
        return f"the file ends in the middle of a record of {length} bytes"
    return "there is no TFRecord here" if offset == 0 else "the length of a record doesn't fit its checksum"


def _length_at(stream: BinaryIO, offset: int, size: int) -> int | None:
    """The length of the record at `offset`, None where no record begins that the file can hold."""
    stream.seek(offset)
    header = stream.read(HEADER)
    if len(header) < HEADER:
        return None
    length, crc = struct.unpack("<QI", header)
    fits = offset + HEADER + length + FOOTER <= size
    return length if fits and masked_crc(header[:8]) == crc else None


def _data_at(stream: BinaryIO, offset: int, length: int) -> bytes | None:
    """The data of the record at `offset`, None where their checksum is wrong."""
    stream.seek(offset + HEADER)
    data = stream.read(length)
    footer = stream.read(FOOTER)
    return data if footer == struct.pack("<I", masked_crc(data)) else None


def _next_record(stream: BinaryIO, start: int, size: int) -> int:
    """The offset of the next whole record from `start` on, or the file's end."""
    while start < size:
        stream.seek(start)
        chunk = stream.read(SEARCH_CHUNK + HEADER - 1)
        for place in _possible_headers(chunk):
            header = chunk[place : place + HEADER]
            if masked_crc(header[:8]) == int.from_bytes(header[8:], "little"):
                length = _length_at(stream, start + place, size)
                if length is not None and _data_at(stream, start + place, length) is not None:
                    return start + place
        start += SEARCH_CHUNK
    return size


def _possible_headers(chunk: bytes) -> list[int]:
    """Where a length could stand: above 0, and below 4 GB, so that its upper half is zero."""
    count = len(chunk) - HEADER + 1
    if count <= 0:
        return []
    zero = np.frombuffer(chunk, np.uint8) == 0
    lower, upper = (
        np.logical_and.reduce([zero[first + i : first + i + count] for i in range(4)]) for first in (0, 4)
    )
    return np.flatnonzero(upper & ~lower).tolist()
