"""A TF1 SavedModel as a source: written by the exporter (frozen graph), or with its variables beside it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.locate import locate
from components.checkpoint_converter.sources import read_checkpoint
from detection.errors import BadInput

NAME = "embedded_ssd_mobilenet_v1"


@pytest.fixture(params=[False, True], ids=["frozen", "variables"])
def with_variables(request):
    return request.param


@pytest.fixture
def saved_model(tmp_path, tf1_folder, write_saved_model, with_variables):
    folder = tmp_path / "export" / "saved_model"
    write_saved_model(tf1_folder(NAME) / "frozen_inference_graph.pb", folder, with_variables)
    return folder


def test_every_spelling_gives_the_checkpoints_variables(saved_model, with_variables, tf1_folder):
    expected = read_checkpoint(tf1_folder(NAME))
    for spelling in (saved_model, saved_model / "saved_model.pb", saved_model.parent):
        source = locate(spelling)
        assert (source.path, source.kind) == (saved_model, "saved_model")
    assert locate(source.path) == source
    variables = read_checkpoint(saved_model)
    assert set(variables) == set(expected)
    assert all(np.array_equal(variables[name], expected[name]) for name in expected)
    assert variables.graph == saved_model / "saved_model.pb"
    assert variables.ignored == ({"global_step": "step counter of training"} if with_variables else {})


def test_it_converts_and_is_proved_against_its_own_graph(saved_model, tf1_config, tmp_path):
    report = convert(tf1_config(NAME), saved_model, tmp_path / "out", [])
    assert report.kind == "saved_model"
    assert report.variables_loaded == report.variables_total == 185
    assert report.proof is not None and report.proof.max_difference_raw < 1e-5


def test_variables_that_are_not_there(saved_model, with_variables):
    if not with_variables:
        pytest.skip("a frozen graph needs none")
    data = saved_model / "variables" / "variables.data-00000-of-00001"
    data.rename(saved_model / "kept")
    with pytest.raises(BadInput, match="0 of its 1 .data files"):
        read_checkpoint(saved_model)
    shutil.rmtree(saved_model / "variables")
    with pytest.raises(BadInput, match="the SavedModel's variables can't be read") as error:
        read_checkpoint(saved_model)
    assert "`variables/` included" in error.value.fix


def test_a_checkpoint_in_the_export_folder_comes_first(saved_model, tf1_folder):
    shutil.copy(tf1_folder(NAME) / "frozen_inference_graph.pb", saved_model.parent)
    assert locate(saved_model.parent).kind == "frozen_graph"
    for file in tf1_folder(NAME).glob("model.ckpt.*"):
        shutil.copy(file, saved_model.parent)
    assert locate(saved_model.parent).kind == "checkpoint"


def test_a_tf2_saved_model(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(BadInput, match="this is a TF2 SavedModel") as error:
        read_checkpoint(tmp_path)
    assert "checkpoint/ckpt-0" in error.value.fix


def test_a_file_that_is_cut_off(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12\xff")
    with pytest.raises(BadInput, match="ends early or is no SavedModel"):
        read_checkpoint(tmp_path)


def test_no_graph_for_serving(tmp_path):
    builder = tf.compat.v1.saved_model.Builder(str(tmp_path / "model"))
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        saver = tf.compat.v1.train.Saver(var_list=[], allow_empty=True)
        builder.add_meta_graph_and_variables(session, ["train"], saver=saver)
        builder.save()
    with pytest.raises(BadInput, match=r"no graph with the tag `serve` \(its tags: train\)"):
        read_checkpoint(tmp_path / "model")


def test_a_saved_model_and_a_frozen_graph_under_each_others_name(saved_model, tf1_folder, tmp_path):
    shutil.copy(saved_model / "saved_model.pb", tmp_path / "model.pb")
    with pytest.raises(BadInput, match="no TensorFlow graph") as error:
        read_checkpoint(tmp_path / "model.pb")
    assert "must be called saved_model.pb" in error.value.fix
    shutil.copy(tf1_folder(NAME) / "frozen_inference_graph.pb", tmp_path / "saved_model.pb")
    with pytest.raises(BadInput, match="perhaps a frozen graph") as error:
        read_checkpoint(tmp_path / "saved_model.pb")
    assert "frozen_inference_graph.pb" in error.value.fix


def test_damaged_variables_are_named(saved_model, with_variables):
    if not with_variables:
        pytest.skip("a frozen graph has none")
    data = saved_model / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(BadInput, match="can't be read: a file is damaged or cut off"):
        read_checkpoint(saved_model)
