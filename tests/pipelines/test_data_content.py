"""The content of a split's data: what counts, and that a change is noticed, on disk and in a bucket."""

from __future__ import annotations

from pathlib import Path

import pytest

from detection.errors import BadInput
from pipelines.data_content import content_of_data, is_unchanged
from pipelines.fingerprint import content_of
from tests.components.example_gen import memory_files


def test_one_folder_is_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    assert content_of_data([str(tmp_path)], [str(tmp_path / "a")]) == content_of(tmp_path)


def test_several_folders_and_what_they_name_elsewhere(tmp_path: Path) -> None:
    for name in ("one/a", "two/b", "two/c", "images/d", "images/unused"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    paths = [str(tmp_path / name) for name in ("one", "two")]
    content = content_of_data(paths, [str(tmp_path / "images" / "d")])
    assert content.files == 4 and is_unchanged(content)
    (tmp_path / "two" / "new").touch()
    assert not is_unchanged(content)
    (tmp_path / "two" / "new").unlink()
    assert is_unchanged(content)
    (tmp_path / "two" / "c").write_text("new")
    assert not is_unchanged(content)


def test_a_pattern_is_its_files(tmp_path: Path) -> None:
    files = [str(tmp_path / f"x.record-{number}") for number in range(3)]
    for file in files:
        Path(file).write_text(file)
    content = content_of_data([str(tmp_path / "x.record-*")], files)
    assert content.files == 3
    Path(files[2]).write_text("new")
    assert not is_unchanged(content)


def test_a_bucket(tmp_path: Path) -> None:
    memory_files.FILES.clear()
    (tmp_path / "here.csv").write_text("x")
    for name in ("train/a.jpg", "train/a.xml", "other/b.jpg"):
        memory_files.put(f"mem://b/{name}", name.encode())
    paths, files = (
        ["mem://b/train"],
        ["mem://b/train/a.jpg", "mem://b/other/b.jpg", str(tmp_path / "here.csv")],
    )
    content = content_of_data(paths, files)
    assert (content.files, content.bytes) == (4, 11 + 11 + 11 + 1)
    assert content.also == ["mem://b/other/b.jpg", str(tmp_path / "here.csv")] and is_unchanged(content)
    for change in ("mem://b/other/b.jpg", "mem://b/train/a.xml", "mem://b/train/new.jpg"):
        memory_files.put(change, b"new")
        assert not is_unchanged(content)
        content = content_of_data(paths, files)
        assert is_unchanged(content)
    (tmp_path / "here.csv").write_text("y")
    assert not is_unchanged(content)
    memory_files.FILES.clear()
    assert not is_unchanged(content)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no files here"):
        content_of_data([str(tmp_path)], [])
