from __future__ import annotations

import pickle

import pytest

from components.example_gen.records import BoxRecord, ImageRecord
from components.example_gen.sources import FileSource, RecordSource


def test_a_file(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"pixels")
    source = FileSource(str(tmp_path / "a.jpg"))
    assert source.read() == b"pixels" and source.size() == 6
    with pytest.raises(OSError):
        FileSource(str(tmp_path / "none.jpg")).read()
    with pytest.raises(OSError):
        FileSource(str(tmp_path / "none.jpg")).size()


def test_a_record_travels_without_its_image(tmp_path):
    (tmp_path / "x.record").write_bytes(b"x" * 1_000_000)
    for source in (
        FileSource(str(tmp_path / "x.record")),
        RecordSource(str(tmp_path / "x.record"), 0, 1_000_000),
    ):
        record = ImageRecord("", "a", source, None, (BoxRecord("object 1", "cat", 1, 2, 3, 4),))
        assert source.size() == 1_000_000
        travelling = pickle.dumps(record)
        assert len(travelling) < 1000 and pickle.loads(travelling) == record
