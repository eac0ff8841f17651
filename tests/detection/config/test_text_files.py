"""Everything that is not the text file it should be is named for what it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.config.text_fault import TextFault
from detection.config.text_files import read_text, write_text

CASES = {
    "a Git LFS pointer": ("TXT019", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"),
    "a binary file": ("TXT012", b"\x0a\x00\x00model"),
    "UTF-16": ("TXT012", "model {".encode("utf-16")),
    "UTF-16 text": ("TXT012", "model { }".encode("utf-16-le")),
    "not UTF-8": ("TXT012", b"model {\n name: '\xe9'\n}"),
    "is empty": ("TXT013", b" \n"),
    "far too large": ("TXT012", b"#" * (16 * 1024 * 1024 + 1)),
}


@pytest.mark.parametrize("said", CASES)
def test_what_is_no_text_is_refused(said: str, tmp_path: Path) -> None:
    path = tmp_path / "pipeline.config"
    code, content = CASES[said]
    path.write_bytes(content)
    with pytest.raises(TextFault, match=said) as caught:
        read_text(path, "pipeline.config")
    assert caught.value.code == code
    assert str(path) in caught.value.where


def test_the_line_of_a_wrong_byte_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.config"
    path.write_bytes(CASES["not UTF-8"][1])
    with pytest.raises(TextFault) as caught:
        read_text(path, "pipeline.config")
    assert caught.value.where == f"{path}:2:9"


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "right.config").write_text("x")
    with pytest.raises(TextFault, match="does not exist") as caught:
        read_text(tmp_path / "wrong.config", "pipeline.config")
    assert "right.config" in caught.value.fix
    with pytest.raises(TextFault, match="does not exist") as caught:
        read_text(tmp_path / "no" / "wrong.config", "pipeline.config")
    assert "no folder" in caught.value.fix


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TextFault, match="TXT020 label map is a directory"):
        read_text(tmp_path, "label map")


@pytest.mark.parametrize("name", ["no\0name", "n" * 300])
def test_an_impossible_path_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TextFault, match="TXT020 label map can't be read"):
        read_text(tmp_path / name, "label map")


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
