from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.locate import locate
from components.checkpoint_converter.sources import read_checkpoint
from components.checkpoint_converter.v1_format import is_v1_file, reader_path
from detection.errors import BadInput

ARRAYS = {
    "BoxPredictor_0/ClassPredictor/biases": np.arange(6, dtype=np.float32),
    "FeatureExtractor/MobilenetV1/Conv2d_0/weights": np.ones((3, 3, 3, 8), np.float32),
    "FeatureExtractor/MobilenetV1/Conv2d_0/weights/RMSProp": np.ones((3, 3, 3, 8), np.float32),
}


@pytest.mark.parametrize("spelling", ["model.ckpt", "model.ckpt.meta", "checkpoint", ""])
def test_every_spelling_of_a_single_file(tmp_path, write_v1, spelling):
    write_v1(tmp_path / "model.ckpt", ARRAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "model.ckpt", "model.ckpt.meta"]
    assert locate(tmp_path / spelling).path == tmp_path / "model.ckpt"
    variables = read_checkpoint(tmp_path / spelling)
    assert (variables.kind, variables.path) == ("checkpoint", str(tmp_path / "model.ckpt"))
    assert set(variables) == set(list(ARRAYS)[:2])
    assert all(np.array_equal(variables[name], ARRAYS[name]) for name in variables)
    assert list(variables.ignored.values()) == ["optimizer slot"]


@pytest.mark.parametrize(
    "spelling", ["model.ckpt", "model.ckpt.meta", "model.ckpt-00000-of-00001", "checkpoint", ""]
)
def test_every_spelling_of_shards(tmp_path, write_v1, spelling):
    write_v1(tmp_path / "model.ckpt", ARRAYS, sharded=True)
    source = locate(tmp_path / spelling)
    assert (source.path, source.kind) == (tmp_path / "model.ckpt", "checkpoint")
    assert reader_path(source.path) == f"{tmp_path}/model.ckpt-?????-of-00001"
    assert set(read_checkpoint(tmp_path / spelling)) == set(list(ARRAYS)[:2])


def test_a_folder_without_a_checkpoint_file(tmp_path, write_v1):
    write_v1(tmp_path / "mobilenet_v1.ckpt", ARRAYS)
    (tmp_path / "checkpoint").unlink()
    assert locate(tmp_path).path == tmp_path / "mobilenet_v1.ckpt"
    write_v1(tmp_path / "other.ckpt", ARRAYS)
    (tmp_path / "checkpoint").unlink()
    with pytest.raises(BadInput, match="2 checkpoints .* mobilenet_v1.ckpt, other.ckpt"):
        locate(tmp_path)


def test_a_missing_shard(tmp_path, write_v1):
    write_v1(tmp_path / "model.ckpt", ARRAYS, sharded=True)
    (tmp_path / "model.ckpt-00000-of-00001").rename(tmp_path / "model.ckpt-00000-of-00003")
    with pytest.raises(BadInput, match="1 of its 3 .data files"):
        locate(tmp_path / "model.ckpt")


def test_a_file_cut_off(tmp_path, write_v1):
    write_v1(tmp_path / "model.ckpt", ARRAYS)
    whole = (tmp_path / "model.ckpt").read_bytes()
    (tmp_path / "model.ckpt").write_bytes(whole[:-4])
    assert not is_v1_file(tmp_path / "model.ckpt")
    with pytest.raises(BadInput, match="nor a V1 checkpoint to its end") as error:
        locate(tmp_path / "model.ckpt")
    assert "copy the file again" in error.value.fix


def test_the_index_of_a_v2_checkpoint_is_not_taken_for_one(pedestrian):
    assert not any(is_v1_file(file) for file in Path(pedestrian).iterdir())


def test_it_converts_and_is_proved(tf1_folder, tf1_config, tmp_path, write_v1):
    name = "embedded_ssd_mobilenet_v1"
    original = read_checkpoint(tf1_folder(name))
    write_v1(tmp_path / "v1" / "model.ckpt", original.arrays)
    report = convert(tf1_config(name), tmp_path / "v1" / "model.ckpt", tmp_path / "out", [])
    assert report.proof is not None and report.proof.passed
    assert report.variables_loaded == report.variables_total == 185
