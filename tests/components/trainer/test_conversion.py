"""The conversion's report as a training reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.checkpoint_converter.report import ClassHead
from components.trainer.conversion import read_conversion
from detection.errors import BadInput
from tests.components.trainer.inputs import write_class_head


def test_a_report_is_read_where_there_is_one(tmp_path: Path) -> None:
    assert read_conversion(tmp_path) is None
    head = ClassHead(how="id", classes_before=3, classes_after=3, rows=[], left_behind=[])
    write_class_head(tmp_path, head)
    report = read_conversion(tmp_path)
    assert report is not None and report.class_head == head


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"\xff\xfe"])
def test_what_is_no_report_is_bad_input(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(BadInput, match="^the conversion's report can't be read: ") as error:
        read_conversion(tmp_path)
    assert error.value.where == str(tmp_path / "report.json")
