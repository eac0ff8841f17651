from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.checkpoint_converter.locate import locate
from detection.errors import BadInput


def _checkpoint(folder: Path, name: str = "model.ckpt", shards: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.index").write_bytes(b"index")
    for shard in range(shards):
        (folder / f"{name}.data-{shard:05d}-of-{shards:05d}").write_bytes(b"data")
    return folder / name


@pytest.mark.parametrize("suffix", ["", ".index", ".meta", ".data-00000-of-00001"])
def test_every_spelling_of_a_checkpoint(tmp_path, suffix):
    prefix = _checkpoint(tmp_path)
    (tmp_path / "model.ckpt.meta").write_bytes(b"meta")
    source = locate(Path(f"{prefix}{suffix}"))
    assert (source.path, source.kind) == (prefix, "checkpoint")


def test_a_folder_and_its_checkpoint_file(tmp_path):
    prefix = _checkpoint(tmp_path, "model.ckpt-2000")
    _checkpoint(tmp_path, "model.ckpt-1000")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-2000"\n')
    assert locate(tmp_path).path == prefix
    assert locate(tmp_path / "checkpoint").path == prefix


@pytest.mark.parametrize("named", ["/home/someone/training/model.ckpt", "gone/model.ckpt"])
def test_a_copied_folder_whose_checkpoint_file_names_another_place(tmp_path, named):
    prefix = _checkpoint(tmp_path)
    _checkpoint(tmp_path, "older.ckpt")
    (tmp_path / "checkpoint").write_text(f'model_checkpoint_path: "{named}"\n')
    assert locate(tmp_path).path == prefix


def test_a_checkpoint_file_naming_nothing_falls_back_to_the_folders_own_prefix(tmp_path):
    prefix = _checkpoint(tmp_path, "mine.ckpt")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/elsewhere/other.ckpt"\n')
    assert locate(tmp_path).path == prefix
    assert locate(tmp_path / "checkpoint").path == prefix


def test_a_folder_with_only_a_frozen_graph(tmp_path):
    (tmp_path / "frozen_inference_graph.pb").write_bytes(b"graph")
    (tmp_path / "other.pb").write_bytes(b"other")
    source = locate(tmp_path)
    assert (source.path.name, source.kind) == ("frozen_inference_graph.pb", "frozen_graph")


def test_an_export_of_tf2_has_its_checkpoint_in_a_folder(tmp_path):
    prefix = _checkpoint(tmp_path / "checkpoint", "ckpt-0")
    (prefix.parent / "checkpoint").write_text('model_checkpoint_path: "ckpt-0"\n')
    (tmp_path / "saved_model").mkdir()
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"model")
    assert (locate(tmp_path).path, locate(tmp_path).kind) == (prefix, "checkpoint")
    (tmp_path / "frozen_inference_graph.pb").write_bytes(b"graph")
    assert locate(tmp_path).kind == "frozen_graph"


def test_a_checkpoint_is_preferred_to_a_frozen_graph_beside_it(pedestrian):
    assert locate(pedestrian).kind == "checkpoint"
    assert locate(pedestrian / "frozen_inference_graph.pb").kind == "frozen_graph"


def test_several_shards(tmp_path):
    assert locate(_checkpoint(tmp_path, shards=3)).kind == "checkpoint"
    (tmp_path / "model.ckpt.data-00001-of-00003").unlink()
    with pytest.raises(BadInput, match="2 of its 3 .data files"):
        locate(tmp_path)


def test_no_data_file(tmp_path):
    prefix = _checkpoint(tmp_path)
    (tmp_path / "model.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(BadInput, match="0 of its 1 .data files"):
        locate(prefix)


def test_nothing_there(tmp_path):
    with pytest.raises(BadInput, match="no checkpoint at this path") as error:
        locate(tmp_path / "absent" / "model.ckpt")
    assert "absent does not exist" in error.value.fix


def test_a_misspelled_prefix_names_the_nearest(tmp_path):
    _checkpoint(tmp_path)
    with pytest.raises(BadInput) as error:
        locate(tmp_path / "modle.ckpt")
    assert error.value.fix == f"did you mean {tmp_path / 'model.ckpt'}?"


def test_a_missing_frozen_graph(tmp_path):
    with pytest.raises(BadInput, match="the frozen graph does not exist"):
        locate(tmp_path / "frozen_inference_graph.pb")


def test_an_empty_folder(tmp_path):
    with pytest.raises(BadInput, match="no TF1 checkpoint and no frozen graph"):
        locate(tmp_path)


def test_several_checkpoints_and_no_word_which(tmp_path):
    for step in (100, 200):
        _checkpoint(tmp_path, f"model.ckpt-{step}")
    with pytest.raises(BadInput, match="2 checkpoints .* model.ckpt-100, model.ckpt-200") as error:
        locate(tmp_path)
    assert str(tmp_path / "model.ckpt-200") in error.value.fix


def test_some_other_file(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInput, match="neither a frozen graph"):
        locate(tmp_path / "notes.txt")


def test_a_git_lfs_pointer(git_lfs_pointer, tmp_path):
    with pytest.raises(BadInput, match="Git LFS pointer of 133 bytes") as error:
        locate(git_lfs_pointer)
    assert "git lfs pull" in error.value.fix
    prefix = _checkpoint(tmp_path)
    shutil.copy(git_lfs_pointer, tmp_path / "model.ckpt.data-00000-of-00001")
    with pytest.raises(BadInput, match="Git LFS pointer"):
        locate(prefix)
