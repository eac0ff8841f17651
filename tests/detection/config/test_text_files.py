"""Everything that is not the text file it should be is named for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.config.text_files import read_text, write_text
from detection.errors import BadInput

CASES = {
    "a Git LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n",
    "a binary file": b"\x0a\x00\x00model",
    "UTF-16": "model {".encode("utf-16"),
    "not UTF-8": b"model {\n name: '\xe9'\n}",
    "is empty": b" \n",
}


@pytest.mark.parametrize("said", CASES)
def test_what_is_no_text_is_refused(said: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.config"
    path.write_bytes(CASES[said])
    with pytest.raises(BadInput, match=said) as caught:
        read_text(path, "pipeline.config")
    assert str(path) in caught.value.where


def test_the_line_of_a_wrong_byte_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.config"
    path.write_bytes(CASES["not UTF-8"])
    with pytest.raises(BadInput) as caught:
        read_text(path, "pipeline.config")
    assert caught.value.where == f"{path}:2"


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "right.config").write_text("x")
    with pytest.raises(BadInput, match="does not exist") as caught:
        read_text(tmp_path / "wrong.config", "pipeline.config")
    assert "right.config" in caught.value.fix
    with pytest.raises(BadInput, match="does not exist") as caught:
        read_text(tmp_path / "no" / "wrong.config", "pipeline.config")
    assert "no folder" in caught.value.fix


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a directory"):
        read_text(tmp_path, "label map")


def test_a_byte_order_mark_is_not_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.config"
    path.write_bytes(b"\xef\xbb\xbfmodel {}")
    assert read_text(path, "pipeline.config") == "model {}"


def test_writing_replaces_the_whole_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.config"
    write_text("one", path)
    write_text("two", path)
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]
    with pytest.raises(UnicodeEncodeError):
        write_text("\ud800", path)
    assert path.read_text() == "two"
    assert list(path.parent.iterdir()) == [path]
