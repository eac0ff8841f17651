"""Graphs whose batch norms TensorFlow's own optimiser folded into the convolutions."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.tools.optimize_for_inference_lib import optimize_for_inference

from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.sources import read_checkpoint
from components.checkpoint_converter.unfold import with_batch_norms
from detection import faster_rcnn_builder
from detection.builder import build_detector
from detection.errors import BadInput
from detection.extractors.faster_rcnn_inception_v2 import faster_rcnn_inception_v2
from detection.tf1.frozen_graph import DETECTIONS, INPUT, load_frozen_graph

NAME = "ssdlite_mobilenet_v2"
CONV = "FeatureExtractor/MobilenetV2/Conv"


@pytest.fixture
def optimised(tf1_folder, tmp_path):
    """The optimised graph of a model in tf1_15, by name."""

    def write(name: str) -> Path:
        graph_def = load_frozen_graph(tf1_folder(name) / "frozen_inference_graph.pb")
        path = tmp_path / f"{name}.pb"
        result = optimize_for_inference(graph_def, [INPUT], [*DETECTIONS], tf.uint8.as_datatype_enum)
        path.write_bytes(result.SerializeToString())
        return path

    return write


def freeze(config):
    """Batch norm keeps its statistics in training, in slim's part of the network and in the config's."""
    ssd = config.model.ssd
    ssd.freeze_batchnorm = True
    for part in (ssd.feature_extractor, ssd.box_predictor.convolutional_box_predictor):
        part.conv_hyperparams.batch_norm.train = False


def test_an_equivalent_model_and_its_proof(optimised, tf1_config, tmp_path):
    config = tf1_config(NAME)
    freeze(config)
    report = convert(config, optimised(NAME), tmp_path / "out", [])
    assert report.kind == "frozen_graph"
    assert report.variables_loaded == report.variables_total == 404
    assert report.proof is not None and report.proof.max_difference_raw < 2e-5
    assert any(note.startswith("76 batch norms were folded") for note in report.notes)


@pytest.fixture
def two_stage(monkeypatch):
    """The name of TF 1.15's Faster R-CNN, whose depth pipeline.config has no field for."""
    name = "faster_rcnn_inception_v2"
    monkeypatch.setitem(
        faster_rcnn_builder.EXTRACTORS, name, partial(faster_rcnn_inception_v2, depth_multiplier=0.15)
    )
    return name


@pytest.mark.slow
def test_a_two_stage_detector_and_its_proof(optimised, tf1_config, tmp_path, two_stage):
    report = convert(tf1_config(two_stage), optimised(two_stage), tmp_path / "out", [])
    assert report.variables_loaded == report.variables_total == 356
    assert not report.of_state("dropped")
    proof = report.proof
    assert proof is not None and proof.max_difference_raw < 2e-5 and proof.matched_detections > 10
    assert any(note.startswith("69 batch norms were folded") for note in report.notes)


def test_a_two_stage_detector_that_trains_its_batch_norms_is_refused(optimised, tf1_config, two_stage):
    config = tf1_config(two_stage)
    config.model.faster_rcnn.feature_extractor.batch_norm_trainable = True
    with pytest.raises(BadInput, match="batch norms are folded into the convolutions") as error:
        with_batch_norms(read_checkpoint(optimised(two_stage)), build_detector(config.model), [])
    assert "batch_norm_trainable: false" in error.value.fix


def test_scopes_that_slim_enters_twice(optimised, tf1_config):
    config = tf1_config("embedded_ssd_mobilenet_v1")
    freeze(config)
    model = build_detector(config.model)
    variables = with_batch_norms(read_checkpoint(optimised("embedded_ssd_mobilenet_v1")), model, [])
    assert len(variables) == len(model.weights) == 185


def test_what_a_batch_norm_becomes(optimised, tf1_config, tf1_folder):
    config = tf1_config(NAME)
    freeze(config)
    original, folded = read_checkpoint(tf1_folder(NAME)), read_checkpoint(optimised(NAME))
    variables = with_batch_norms(folded, build_detector(config.model), [])
    old = {
        leaf: original[f"{CONV}/BatchNorm/{leaf}"]
        for leaf in ("gamma", "beta", "moving_mean", "moving_variance")
    }
    scale = old["gamma"] / np.sqrt(old["moving_variance"] + 1e-3)
    np.testing.assert_allclose(
        variables[f"{CONV}/weights"], original[f"{CONV}/weights"] * scale, rtol=1e-5, atol=1e-7
    )
    offset = old["beta"] - old["moving_mean"] * scale
    np.testing.assert_allclose(variables[f"{CONV}/BatchNorm/beta"], offset, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(variables[f"{CONV}/BatchNorm/gamma"], 1)
    np.testing.assert_allclose(variables[f"{CONV}/BatchNorm/moving_variance"] + np.float32(1e-3), 1)


def test_training_by_batch_statistics_is_refused(optimised, tf1_config):
    model = build_detector(tf1_config(NAME).model)
    with pytest.raises(BadInput, match="batch norms are folded into the convolutions") as error:
        with_batch_norms(read_checkpoint(optimised(NAME)), model, [])
    assert "freeze_batchnorm: true" in error.value.fix


def test_freeze_batchnorm_alone_leaves_some_in_training(optimised, tf1_config):
    config = tf1_config(NAME)
    config.model.ssd.freeze_batchnorm = True
    with pytest.raises(BadInput, match="batch norms are folded into the convolutions") as error:
        with_batch_norms(read_checkpoint(optimised(NAME)), build_detector(config.model), [])
    assert "train: false in conv_hyperparams" in error.value.fix


def test_a_batch_norm_gone_without_a_trace(optimised, tf1_config):
    config = tf1_config(NAME)
    freeze(config)
    variables = read_checkpoint(optimised(NAME))
    del variables.folded[CONV]
    with pytest.raises(BadInput, match=f"the batch norm {CONV}/BatchNorm was folded"):
        with_batch_norms(variables, build_detector(config.model), [])


def test_a_graph_that_was_not_optimised_is_left_alone(tf1_folder):
    variables = read_checkpoint(tf1_folder(NAME) / "frozen_inference_graph.pb")
    assert with_batch_norms(variables, None, []) is variables
