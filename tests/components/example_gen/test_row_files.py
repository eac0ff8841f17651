from __future__ import annotations

import io

import pytest

from components.example_gen.row_files import read_rows, write_rows


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_rows_come_back_in_their_order(count):
    rows = [{"name": f"{i}\\udcff", "findings": [{"code": "DATA001"}] * (i % 3)} for i in range(count)]
    stream = io.BytesIO()
    write_rows(iter(rows), stream)
    stream.seek(0)
    assert list(read_rows(stream)) == rows


def test_rows_are_taken_as_they_come():
    """The images of a shard are examined as their rows are asked for: never all of them are in memory."""
    stream = io.BytesIO()
    seen = []

    def rows():
        for i in range(250):
            seen.append(stream.tell())
            yield {"name": str(i)}

    write_rows(rows(), stream)
    assert seen[99] == 0 < seen[100] < seen[200]
