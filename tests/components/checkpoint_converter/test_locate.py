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


@pytest.mark.parametrize(
    "named",
    [
        "/home/someone/training/model.ckpt",
        "gone/model.ckpt",
        "C:\\\\Users\\\\someone\\\\training\\\\model.ckpt",
        "D:/training/model.ckpt",
        "gs://bucket/training/model.ckpt",
        "/home/j\\303\\266rg/model.ckpt",
    ],
)
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


def test_a_copy_is_meant_also_while_the_original_is_there(tmp_path):
    original, copy = _checkpoint(tmp_path / "original"), _checkpoint(tmp_path / "copy")
    (copy.parent / "checkpoint").write_text(f'model_checkpoint_path: "{original}"\n')
    assert locate(copy.parent).path == copy
    for file in copy.parent.glob("model.ckpt.*"):
        file.unlink()
    assert locate(copy.parent).path == original


@pytest.mark.parametrize(
    "text", ["\ufeffmodel_checkpoint_path: 'model.ckpt-1'", '  model_checkpoint_path:"./model.ckpt-1" \r\n']
)
def test_other_spellings_of_the_checkpoint_file(tmp_path, text):
    prefix = _checkpoint(tmp_path, "model.ckpt-1")
    _checkpoint(tmp_path, "model.ckpt-2")
    (tmp_path / "checkpoint").write_text(text, encoding="utf-8")
    assert locate(tmp_path).path == prefix


def test_a_name_of_one_file_beyond_ascii(tmp_path):
    prefix = _checkpoint(tmp_path, "mod\u00e8le.ckpt")
    _checkpoint(tmp_path, "other.ckpt")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "mod\\303\\250le.ckpt"\n')
    assert locate(tmp_path).path == prefix


def test_another_step_than_the_named_one_is_no_copy_of_it(tmp_path):
    """The last checkpoint was not copied: an earlier one in its place is another model."""
    prefix = _checkpoint(tmp_path, "model.ckpt-1000")
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "/gone/model.ckpt-2000"\n')
    with pytest.raises(
        BadInput, match="names model.ckpt-2000, which is not there; .* model.ckpt-1000"
    ) as error:
        locate(tmp_path)
    assert str(prefix) in error.value.fix
    _checkpoint(tmp_path, "model.ckpt-500")
    with pytest.raises(BadInput, match="names model.ckpt-2000, .* holds model.ckpt-500, model.ckpt-1000"):
        locate(tmp_path / "checkpoint")


def test_a_folder_with_only_a_frozen_graph(tmp_path):
    (tmp_path / "frozen_inference_graph.pb").write_bytes(b"graph")
    (tmp_path / "other.pb").write_bytes(b"other")
    source = locate(tmp_path)
    assert (source.path.name, source.kind) == ("frozen_inference_graph.pb", "frozen_graph")


def test_several_graphs_and_none_of_the_exporters_name(tmp_path):
    for name in ("first.pb", "second.pb"):
        (tmp_path / name).write_bytes(b"graph")
    with pytest.raises(BadInput, match="2 graphs .* first.pb, second.pb") as error:
        locate(tmp_path)
    assert str(tmp_path / "first.pb") in error.value.fix


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


@pytest.mark.parametrize("given", ["", "model.ckpt", "model.ckpt.meta", "model.ckpt.data-00000-of-00001"])
def test_no_index_file(tmp_path, given):
    _checkpoint(tmp_path)
    (tmp_path / "model.ckpt.meta").write_bytes(b"meta")
    (tmp_path / "model.ckpt.index").unlink()
    with pytest.raises(
        BadInput, match="model.ckpt.index is missing beside model.ckpt.data-00000-of-00001"
    ) as error:
        locate(tmp_path / given)
    assert "all files named model.ckpt*" in error.value.fix


def test_a_data_file_that_is_an_index_is_no_checkpoint_of_its_own(tf1_folder, tmp_path):
    """The two were swapped: the folder still holds one checkpoint, and reading it says what is wrong."""
    prefix = _checkpoint(tmp_path)
    shutil.copy(
        tf1_folder("ssd_mobilenet_v1") / "model.ckpt.index", tmp_path / "model.ckpt.data-00000-of-00001"
    )
    assert locate(tmp_path).path == prefix


def test_a_path_that_can_be_none():
    with pytest.raises(BadInput, match="can't be the path of a checkpoint: File name too long"):
        locate(Path("a" * 5000))


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


def test_steps_are_in_the_order_of_their_numbers(tmp_path):
    for step in (1000, 200):
        _checkpoint(tmp_path, f"model.ckpt-{step}")
    with pytest.raises(BadInput, match="model.ckpt-200, model.ckpt-1000"):
        locate(tmp_path)


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
