from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.sources import read_checkpoint
from detection.errors import BadInput

WEIGHTS = "BoxPredictor_0/ClassPredictor/weights"


def test_checkpoint_and_frozen_graph_give_the_same_variables(pedestrian):
    checkpoint = read_checkpoint(pedestrian)
    frozen = read_checkpoint(str(pedestrian / "frozen_inference_graph.pb"))
    assert (checkpoint.kind, checkpoint.graph) == ("checkpoint", None)
    assert (frozen.kind, frozen.graph) == ("frozen_graph", pedestrian / "frozen_inference_graph.pb")
    assert len(checkpoint) == 404
    assert set(checkpoint) == set(frozen)
    assert all(np.array_equal(checkpoint[name], frozen[name]) for name in checkpoint)


def test_a_training_checkpoint_accounts_for_every_entry(tf1_folder):
    folder = tf1_folder("ssd_mobilenet_v1_training")
    variables = read_checkpoint(folder)
    assert (len(variables), len(variables.averages), len(variables.ignored)) == (199, 129, 259)
    assert Counter(variables.ignored.values()) == {"optimizer slot": 258, "step counter of training": 1}
    held = {name for name, _ in tf.train.list_variables(str(folder / "model.ckpt"))}
    chosen = variables.for_inference(True)
    assert len(held) == 587 == 199 + 129 + 259
    assert set(chosen.ignored) | set(chosen) == held - {
        name + "/ExponentialMovingAverage" for name in variables.averages
    }


def test_moving_averages_are_taken_only_when_the_config_asks(tf1_folder):
    variables = read_checkpoint(tf1_folder("ssd_mobilenet_v1_training"))
    frozen = read_checkpoint(
        tf1_folder("ssd_mobilenet_v1_training") / "frozen_inference_graph.pb"
    )  # exported with use_moving_averages
    averaged, raw = variables.for_inference(True), variables.for_inference(False)
    assert all(np.array_equal(averaged[name], frozen[name]) for name in frozen)
    assert not np.array_equal(raw[WEIGHTS], frozen[WEIGHTS])
    assert "its moving average was taken" in averaged.ignored[WEIGHTS]
    assert "the raw values were taken" in raw.ignored[f"{WEIGHTS}/ExponentialMovingAverage"]
    mean = "FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/moving_mean"  # has no average of its own
    np.testing.assert_array_equal(averaged[mean], raw[mean])


@pytest.mark.parametrize("part", ["model.ckpt.index", "model.ckpt.data-00000-of-00001"])
def test_a_checkpoint_cut_off(tmp_path, pedestrian, part):
    for file in pedestrian.glob("model.ckpt.*"):
        shutil.copyfile(file, tmp_path / file.name)
    whole = (tmp_path / part).read_bytes()
    (tmp_path / part).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="can't be read"):
        read_checkpoint(tmp_path)


def test_a_frozen_graph_cut_off(tmp_path, pedestrian):
    whole = (pedestrian / "frozen_inference_graph.pb").read_bytes()
    (tmp_path / "frozen_inference_graph.pb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadInput, match="ends early"):
        read_checkpoint(tmp_path)


def test_a_checkpoint_of_nothing_but_bookkeeping(tmp_path):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        step = tf.compat.v1.train.get_or_create_global_step()
        session.run(step.initializer)
        tf.compat.v1.train.Saver([step]).save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(BadInput, match="no model variable"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("damage", ["value", "type", "input"])
def test_a_damaged_node_of_a_frozen_graph(tmp_path, pedestrian, damage):
    graph_def = tf.compat.v1.GraphDef()
    graph_def.ParseFromString((pedestrian / "frozen_inference_graph.pb").read_bytes())
    nodes = {node.name: node for node in graph_def.node}
    weights = nodes["FeatureExtractor/MobilenetV2/Conv/weights"]
    if damage == "value":
        weights.attr["value"].tensor.tensor_content = weights.attr["value"].tensor.tensor_content[:-1]
    elif damage == "type":
        weights.attr["value"].tensor.dtype = 99
    else:
        convolution = next(node for node in graph_def.node if node.op == "Conv2D")
        del convolution.input[:]
    (tmp_path / "model.pb").write_bytes(graph_def.SerializeToString())
    with pytest.raises(BadInput, match="a node of the graph is damaged"):
        read_checkpoint(tmp_path / "model.pb")
