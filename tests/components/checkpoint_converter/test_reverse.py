from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.convert import Options, convert
from components.checkpoint_converter.reverse import (
    fill_unread,
    format_reversed,
    reverse,
    write_tf1_checkpoint,
)
from components.checkpoint_converter.sources import read_checkpoint
from detection import faster_rcnn_builder
from detection.builder import build_detector
from detection.config.pipeline_config import read_pipeline_config, write_pipeline_config
from detection.errors import BadInput, Failed
from detection.extractors.faster_rcnn_inception_v2 import faster_rcnn_inception_v2
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.tf1.oracle import write_oracle
from detection.weights import read_weights, write_weights
from tests.parity.od_api import write_detector
from tests.parity.od_api_configs import CONFIGS, DEAD

NAME = "ssdlite_mobilenet_v2"


@pytest.fixture(scope="module")
def converted_once(tf1_folder, tf1_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("once") / "converted"
    convert(tf1_config(NAME), tf1_folder(NAME), folder, [], Options(proof=False))
    return folder


@pytest.fixture
def converted(converted_once, tmp_path):
    return shutil.copytree(converted_once, tmp_path / "converted")


def test_back_and_forth_gives_every_bit_again(converted, tf1_folder, tmp_path):
    result = reverse(converted, tmp_path / "tf1" / "model.ckpt", [], proof=False)
    assert (result.variables, result.averages, result.proof) == (404, 0, None)
    assert sorted(os.listdir(tmp_path / "tf1")) == ["model.ckpt.data-00000-of-00001", "model.ckpt.index"]
    before, after = read_checkpoint(tf1_folder(NAME)), read_checkpoint(tmp_path / "tf1")
    assert set(before) == set(after)
    assert all(
        before[name].dtype == after[name].dtype and np.array_equal(before[name], after[name])
        for name in before
    )
    assert tf.train.load_variable(result.prefix, "global_step") == 0


@pytest.mark.slow
def test_a_two_stage_detector_gives_every_bit_again(tf1_folder, tf1_config, tmp_path, monkeypatch):
    name = "faster_rcnn_inception_v2"
    # TF 1.15's model has a depth that pipeline.config has no field for
    monkeypatch.setitem(
        faster_rcnn_builder.EXTRACTORS, name, partial(faster_rcnn_inception_v2, depth_multiplier=0.15)
    )
    convert(tf1_config(name), tf1_folder(name), tmp_path / "converted", [], Options(proof=False))
    result = reverse(tmp_path / "converted", tmp_path / "tf1" / "model.ckpt", [], proof=False)
    before, after = read_checkpoint(tf1_folder(name)), read_checkpoint(tmp_path / "tf1")
    assert set(before) == set(after) and len(after) == result.variables
    assert all(
        before[name].dtype == after[name].dtype and np.array_equal(before[name], after[name])
        for name in before
    )


@pytest.mark.slow
def test_a_trained_detector_in_tf1s_graph_gives_equal_outputs(converted, reference, tmp_path):
    config = read_pipeline_config(converted / "pipeline.config")
    trained = build_detector(config.model)
    read_weights(trained, converted / "checkpoint" / "ckpt-1")
    random = np.random.default_rng(0)
    for variable in trained.trainable_variables:  # as if by training
        variable.assign(variable.numpy() * (1 + 0.02 * random.standard_normal(variable.shape)))
    write_weights(trained, converted / "checkpoint" / "ckpt-1")
    config.eval_config.use_moving_averages = True  # TF1 then reads the averages, which must be there
    write_pipeline_config(config, converted / "pipeline.config")

    prefix = tmp_path / "tf1" / "model.ckpt"
    result = reverse(converted, prefix, [])
    assert result.proof is not None and result.proof.max_difference_raw < 1e-5
    assert result.proof.matched_detections > 0
    trained_values = [weight for weight in trained.weights if "moving_" not in weight.path]
    assert result.averages == len(trained_values)
    assert f"raw outputs within {result.proof.max_difference_raw:.1e}" in format_reversed(result)

    write_oracle(converted / "pipeline.config", str(prefix), tmp_path / "frozen.pb")
    image = reference(NAME)["image"]
    wanted = FrozenDetector(load_frozen_graph(tmp_path / "frozen.pb")).run(image)
    found = trained.detect(tf.constant(image))
    for key in ("detection_boxes", "detection_scores", "detection_classes", "num_detections"):
        np.testing.assert_allclose(found[key].numpy(), wanted[key], atol=1e-4)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(BadInput, match="no folder of a converted or trained detector") as error:
        reverse(tmp_path, tmp_path / "model.ckpt", [])
    assert "checkpoint/ and pipeline.config" in error.value.fix


def test_a_prefix_that_can_be_none_is_refused_before_the_work(converted, tmp_path, monkeypatch):
    (tmp_path / "model.ckpt").mkdir()
    monkeypatch.chdir(tmp_path)
    for prefix in (tmp_path / "model.ckpt", Path("."), Path(".."), Path("")):
        with pytest.raises(BadInput, match="a checkpoint's prefix, not a folder"):
            reverse(converted, prefix, [])
    with pytest.raises(BadInput, match="without .index") as error:
        reverse(converted, tmp_path / "tf1" / "model.ckpt.index", [])
    assert error.value.fix == f"give {tmp_path / 'tf1' / 'model.ckpt'}"
    with pytest.raises(BadInput, match="would be inside a file"):
        reverse(converted, converted / "report.md" / "model.ckpt", [])
    before = {file: file.read_bytes() for file in converted.rglob("*") if file.is_file()}
    for part in ("checkpoint/ckpt-1", "saved_model/variables/variables"):
        with pytest.raises(BadInput, match="among the files of the detector"):
            reverse(converted, converted / part, [])
    assert {file: file.read_bytes() for file in converted.rglob("*") if file.is_file()} == before
    assert sorted(os.listdir(tmp_path)) == ["converted", "model.ckpt"]


def test_nothing_stays_of_the_checkpoint_that_is_replaced(converted, tmp_path):
    folder = tmp_path / "tf1"
    folder.mkdir()
    for part in ("data-00000-of-00002", "data-00001-of-00002", "index", "meta"):
        (folder / f"model.ckpt.{part}").write_bytes(b"earlier")
    (folder / "model.ckpt-5.index").write_bytes(b"another")
    reverse(converted, folder / "model.ckpt", [], proof=False)
    assert sorted(os.listdir(folder)) == [
        "model.ckpt-5.index",
        "model.ckpt.data-00000-of-00001",
        "model.ckpt.index",
    ]
    assert len(read_checkpoint(folder / "model.ckpt")) == 404


@pytest.mark.parametrize("damage", ["gone", "cut", "no table"])
def test_a_damaged_checkpoint_of_the_detector(converted, damage, tmp_path):
    index = converted / "checkpoint" / "ckpt-1.index"
    data = index.with_name("ckpt-1.data-00000-of-00001")
    if damage == "gone":
        data.unlink()
    elif damage == "cut":
        data.write_bytes(data.read_bytes()[:1000])
    else:
        index.write_bytes(b"no table")
    with pytest.raises(BadInput, match="can't be read|0 of its 1 .data files"):
        reverse(converted, tmp_path / "tf1" / "model.ckpt", [])
    assert not (tmp_path / "tf1").exists()


def test_a_config_of_another_model_writes_nothing(converted, tmp_path):
    config = read_pipeline_config(converted / "pipeline.config")
    config.model.ssd.feature_extractor.num_layers = 5
    config.model.ssd.anchor_generator.ssd_anchor_generator.num_layers = 5
    config.model.ssd.feature_extractor.depth_multiplier = 0.5
    write_pipeline_config(config, converted / "pipeline.config")
    with pytest.raises((BadInput, Failed)):
        reverse(converted, tmp_path / "tf1" / "model.ckpt", [])
    assert not (tmp_path / "tf1").exists()


def test_arrays_by_name(tmp_path):
    values = {"a/weights": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.float32(2)}
    write_tf1_checkpoint(values, tmp_path / "model.ckpt")
    reader = tf.train.load_checkpoint(str(tmp_path / "model.ckpt"))
    assert set(reader.get_variable_to_shape_map()) == {"a/weights", "b", "global_step"}
    np.testing.assert_array_equal(reader.get_tensor("a/weights"), values["a/weights"])


def test_what_tf1_has_beyond_the_native_model_starts_as_in_tf1():
    unread = {"a/weights": [2, 3], "a/BatchNorm/gamma": [3], "a/BatchNorm/moving_variance": [3], "b": [1]}
    found = fill_unread(unread, {"b": np.float32(5)})
    assert set(found) == set(unread) - {"b"}
    assert found["a/weights"].shape == (2, 3) and not found["a/weights"].any()
    assert (found["a/BatchNorm/gamma"] == 1).all() and (found["a/BatchNorm/moving_variance"] == 1).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["ssd_mobilenet_v1_ppn", "ssd_mobilenet_v2_fpnlite_fine", "faster_rcnn_resnet50"]
)
def test_layers_that_only_tf1_builds_are_there_again(name, tmp_path):
    source = write_detector(CONFIGS[name], tmp_path / "source")
    convert(
        read_pipeline_config(source.config),
        source.checkpoint,
        tmp_path / "converted",
        [],
        Options(proof=False),
    )
    result = reverse(tmp_path / "converted", tmp_path / "tf1" / "model.ckpt", [])
    assert result.proof is not None and result.proof.max_difference_raw < 1e-5
    before, after = (tf.train.load_checkpoint(str(file)) for file in (source.checkpoint, result.prefix))
    names = set(before.get_variable_to_shape_map())
    assert set(after.get_variable_to_shape_map()) == names | {"global_step"}
    differing = {one for one in names if not np.array_equal(before.get_tensor(one), after.get_tensor(one))}
    assert differing and all(variable.startswith(DEAD[name]) for variable in differing)
