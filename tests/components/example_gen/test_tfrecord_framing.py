from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from components.example_gen import tfrecord_framing
from components.example_gen.tfrecord_framing import Damage, Frame, framed, read_frames

RECORDS = [bytes([i]) * (40 + 13 * i) for i in range(5)]


FILE = b"".join(piece for record in RECORDS for piece in framed(record))
STARTS = [sum(len(record) + 16 for record in RECORDS[:i]) for i in range(6)]


def read(data):
    return list(read_frames(io.BytesIO(data)))


def records_of(found):
    return [frame.data for frame in found if isinstance(frame, Frame)]


def test_a_record_is_framed_as_tensorflow_does(tmp_path):
    records = [*RECORDS, b"", bytes(range(256)) * 300]
    file = tmp_path / "x.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in records:
            writer.write(record)
    assert file.read_bytes() == b"".join(piece for record in records for piece in framed(record))


def require_all_accounted_for(found, size):
    """Each byte of the file is in one record or in one damaged stretch, and the numbers run on."""
    position = 0
    for number, part in enumerate(found):
        assert part.index == number
        start = part.offset if isinstance(part, Damage) else part.offset - 12
        assert start == position
        position += part.length if isinstance(part, Damage) else len(part.data) + 16
    assert position == size


def test_the_frames_are_tensorflows(tmp_path):
    file = tmp_path / "x.tfrecord"
    with tf.io.TFRecordWriter(str(file)) as writer:
        for record in RECORDS:
            writer.write(record)
    assert file.read_bytes() == FILE
    with file.open("rb") as stream:
        found = list(read_frames(stream))
    assert records_of(found) == RECORDS
    assert [FILE[f.offset : f.offset + len(f.data)] for f in found] == RECORDS
    assert read(b"") == []


@pytest.mark.parametrize("place", range(16))
def test_one_wrong_byte_costs_one_record(place):
    damaged = bytearray(FILE)
    damaged[STARTS[2] + (place if place < 12 else place + 20)] ^= 0x41
    found = read(bytes(damaged))
    assert records_of(found) == RECORDS[:2] + RECORDS[3:]
    (damage,) = (part for part in found if isinstance(part, Damage))
    assert (damage.index, damage.offset, damage.length) == (2, STARTS[2], len(RECORDS[2]) + 16)
    require_all_accounted_for(found, len(FILE))


@pytest.mark.parametrize(
    "damaged, left, reason",
    [
        (FILE[: STARTS[2] + 30] + FILE[STARTS[2] + 41 :], [0, 1, 3, 4], "missing or added"),
        (FILE[: STARTS[2] + 30] + b"12345" + FILE[STARTS[2] + 30 :], [0, 1, 3, 4], "missing or added"),
        (FILE[: STARTS[2] + 30] + FILE[STARTS[3] + 20 :], [0, 1, 4], "missing or added"),
        (FILE[: STARTS[4] + 30], [0, 1, 2, 3], "ends in the middle of a record of 92 bytes"),
        (FILE[: STARTS[4] + 7], [0, 1, 2, 3], "ends in the middle of a record"),
        (FILE[: STARTS[2]] + bytes(5000) + FILE[STARTS[2] :], [0, 1, 2, 3, 4], "doesn't fit its checksum"),
        (b"a web page, it seems" + FILE, [0, 1, 2, 3, 4], "no TFRecord here"),
        (FILE[3:], [1, 2, 3, 4], "no TFRecord here"),
        (FILE + b"\0" * 300, [0, 1, 2, 3, 4], "doesn't fit its checksum"),
        (b"filename,width,height,class,xmin", [], "no TFRecord here"),
    ],
)
def test_records_after_the_damage_are_read(damaged, left, reason):
    found = read(damaged)
    assert records_of(found) == [RECORDS[i] for i in left]
    (damage,) = (part for part in found if isinstance(part, Damage))
    assert reason in damage.reason
    require_all_accounted_for(found, len(damaged))


def test_the_search_crosses_its_chunks(monkeypatch):
    for size in range(20, 60):
        monkeypatch.setattr(tfrecord_framing, "SEARCH_CHUNK", size)
        assert records_of(read(FILE[: STARTS[1] + 9] + FILE[STARTS[1] + 14 :])) == RECORDS[:1] + RECORDS[2:]


def test_large_stretches_are_searched_quickly():
    noise = np.random.default_rng(0).integers(0, 255, 3_000_000, np.uint8).tobytes()
    found = read(FILE[:20] + noise + bytes(3_000_000) + FILE)
    assert records_of(found) == RECORDS


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, len(FILE) - 1),
    st.integers(0, 120),
    st.binary(max_size=40),
)
def test_any_damage(place, removed, added):
    """However the file is damaged: what is read is a record as it was, in order, and no whole one is lost."""
    damaged = FILE[:place] + added + FILE[place + removed :]
    found = read(damaged)
    require_all_accounted_for(found, len(damaged))
    untouched = [
        record
        for record, start, end in zip(RECORDS, STARTS, STARTS[1:], strict=False)
        if end <= place or start >= place + removed
    ]
    left = records_of(found)
    assert all(record in left for record in untouched)
    assert left == [record for record in RECORDS if record in left]
