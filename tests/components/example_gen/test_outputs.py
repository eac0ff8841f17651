from __future__ import annotations

from pathlib import Path

import pytest

from components.example_gen import outputs


def test_two_attempts_at_one_file_do_not_mix(tmp_path):
    path = str(tmp_path / "file")
    with outputs.whole_file(path) as slow:
        Path(slow).write_text("slow")
        with outputs.whole_file(path) as fast:
            Path(fast).write_text("fast")
        assert Path(path).read_text() == "fast"
    assert Path(path).read_text() == "slow"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_error_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ValueError), outputs.whole_file(str(path)) as partial:
        Path(partial).write_text("half")
        raise ValueError
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_folders(tmp_path):
    folder = outputs.join(str(tmp_path) + "/", "a/b")
    outputs.make_folder(folder)
    outputs.make_folder(folder)
    outputs.write_bytes(outputs.join(folder, "x-1.rows"), b"1")
    outputs.write_bytes(outputs.join(folder, "x-0.rows"), b"0")
    outputs.write_bytes(outputs.join(folder, "y-0.rows"), b"0")
    assert outputs.files_in(folder, "x-", ".rows") == [f"{folder}/x-0.rows", f"{folder}/x-1.rows"]
    assert outputs.folders_in(str(tmp_path), "a") == [str(tmp_path / "a")]
    assert outputs.folders_in(str(tmp_path / "absent"), "a") == []
    outputs.remove_folder(folder)
    outputs.remove_folder(folder)
    assert not Path(folder).exists()
