from __future__ import annotations

import errno
import os

import pytest

from detection.errors import BadInput
from pipelines.process import exit_code_of


def test_an_error_with_three_parts_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    error = RuntimeError("wrapped")
    error.__cause__ = BadInput("the label map is empty", "a.pbtxt", "add an item")
    assert exit_code_of(error) == 78
    assert capsys.readouterr().err == (
        "error: the label map is empty\n  where: a.pbtxt\n  fix:   add an item\n"
    )


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("place", [None, "/out/statistics.json"])
def test_what_a_disk_refuses_is_no_traceback(
    number: int, place: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(OSError(number, os.strerror(number), place)) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {os.strerror(number)}\n  where: {place or 'the disk'}")
    assert "fix:   make room there" in said and "Traceback" not in said


def test_a_defect_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")
    except OSError as error:
        assert exit_code_of(error) == 1
    assert "Traceback" in capsys.readouterr().err
