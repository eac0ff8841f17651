from __future__ import annotations

import gzip

import pytest

from components.example_gen.record_batches import BATCH, pack, read_batch, unpack_record, write_batches
from components.example_gen.records import BoxRecord, ContextPlace, Finding, ImageRecord
from components.example_gen.sources import FileSource, RecordSource

BOX = BoxRecord("object 1", "cat", 1, 2, 3, 4)


def record(i, source=None):
    return ImageRecord("train", f"{i}.jpg", source or FileSource(f"/data/{i}.jpg"), None, (BOX,) * (i % 3))


def test_records_come_back_in_their_order(tmp_path):
    records = [record(i) for i in range(2 * BATCH + 5)]
    batches = write_batches(iter(records), str(tmp_path))
    assert (batches.images, batches.boxes) == (2 * BATCH + 5, sum(i % 3 for i in range(2 * BATCH + 5)))
    read = [read_batch(str(tmp_path), number) for number in range(batches.files)]
    assert [len(batch) for batch in read] == [BATCH, BATCH, 5]
    assert [unpack_record(packed) for batch in read for *_, packed in batch] == records
    assert [one[:3] for batch in read for one in batch] == [
        (one.split, one.name, one.source) for one in records
    ]


def test_every_field_comes_back():
    problem = Finding("a.jpg", "object 1", "DATA014", "quarantined", "no number")
    box = BoxRecord("object 1", "cat", 1, 2, 3, 4, True, True, True, b"png", 7, problem)
    source = RecordSource("/a.tfrecord", 12, 34, True)
    context = ContextPlace(1, 2, 3)
    boxes = (box, BOX)
    one = ImageRecord("eval", "a.jpg", source, "/a", boxes, 9, 8, problem, (problem,), True, "", context)
    assert None not in (*one, *box)
    back = unpack_record(pack(one))
    assert back == one
    kinds = [type(value) for value in (back, back.source, back.boxes, *back.boxes, back.context)]
    assert kinds == [ImageRecord, RecordSource, tuple, BoxRecord, BoxRecord, ContextPlace]


def test_no_records(tmp_path):
    batches = write_batches([], str(tmp_path))
    assert (batches.files, batches.images, batches.boxes) == (0, 0, 0)


@pytest.mark.parametrize("damaged", [False, True])
def test_images_of_a_gzip_file_are_unpacked_once(tmp_path, damaged):
    content = bytes(range(256)) * 4000
    packed = tmp_path / "examples.tfrecord.gz"
    data = gzip.compress(content)
    packed.write_bytes(data[: len(data) - 12] if damaged else data)
    (tmp_path / "work").mkdir()
    sources = [RecordSource(str(packed), offset, 100, compressed=True) for offset in (70_000, 3)]
    batches = write_batches([record(i, source) for i, source in enumerate(sources)], str(tmp_path / "work"))
    assert batches.files == 1
    records = read_batch(str(tmp_path / "work"), 0)
    for old, new in zip(sources, records, strict=True):
        _, _, source, packed = new
        assert unpack_record(packed).source == source
        assert isinstance(source, RecordSource) and not source.compressed
        assert source.read() == content[old.offset : old.offset + 100]
    assert len(list((tmp_path / "work").iterdir())) == 2  # the batch and one unpacked file
