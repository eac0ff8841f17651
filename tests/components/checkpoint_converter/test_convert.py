from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.report import ConversionReport
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import SUPPORTED, build_detector
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput, Failed

BLOCKS = {"backbone": 260, "feature_maps": 60, "box_head": 42, "class_head": 42}


def _loaded_detector(out: Path):
    detector = build_detector(read_pipeline_config(out / "pipeline.config").model)
    tf.train.Checkpoint(model=detector).read(
        str(out / "checkpoint" / "ckpt-1")
    ).assert_existing_objects_matched()
    return {weight.path.split("/", 1)[1]: weight.numpy() for weight in detector.weights}


def test_a_published_frozen_graph_to_new_classes(pedestrian, pedestrian_config, photos, tmp_path):
    out = tmp_path / "converted"
    report = convert(pedestrian_config, pedestrian / "frozen_inference_graph.pb", out, photos, num_classes=4)
    assert (report.kind, report.architecture) == ("frozen_graph", "ssd_mobilenet_v2")
    assert (report.num_classes_checkpoint, report.num_classes_model) == (1, 4)
    assert (report.variables_loaded, report.variables_total) == (392, 404)
    assert {block.block: block.wanted for block in report.blocks} == BLOCKS
    assert {block.block: block.skipped for block in report.blocks if block.skipped} == {"class_head": 12}
    assert report.blocks[0].loaded == 260
    assert {variable.name.split("/")[1] for variable in report.skipped} == {"ClassPredictor"}
    assert len(report.unused) == 12
    assert report.proof.passed
    assert report.proof.images == 4
    assert report.proof.matched_detections == 400
    assert report.proof.max_difference_raw < 1e-5

    assert sorted(path.name for path in out.iterdir()) == [
        "checkpoint",
        "pipeline.config",
        "report.json",
        "report.md",
        "saved_model",
    ]
    assert read_pipeline_config(out / "pipeline.config").model.ssd.num_classes == 4
    assert ConversionReport.model_validate_json((out / "report.json").read_text()) == report
    assert os.listdir(tmp_path) == ["converted"]

    variables = read_checkpoint(pedestrian)
    weights = _loaded_detector(out)
    stem = "FeatureExtractor/MobilenetV2/Conv/"
    np.testing.assert_array_equal(weights[stem + "kernel"], variables[stem + "weights"])
    box = "BoxPredictor_5/BoxEncodingPredictor/"
    np.testing.assert_array_equal(weights[box + "bias"], variables[box + "biases"])
    assert weights["BoxPredictor_0/ClassPredictor/kernel"].shape == (1, 1, 576, 3 * 5)


def test_the_same_number_of_classes_keeps_the_class_head(tf1_folder, tf1_config, reference, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    config = tf1_config(name)
    config.eval_config.use_moving_averages = True
    report = convert(config, tf1_folder(name) / "frozen_inference_graph.pb", tmp_path / "out", [])
    assert report.variables_loaded == report.variables_total == 185
    assert (report.skipped, report.unused) == ([], [])
    assert report.proof.image_source.startswith("synthetic")
    assert report.notes == [
        "eval_config.use_moving_averages: the exporter has already put the averages into a frozen graph"
    ]
    variables = read_checkpoint(tf1_folder(name))
    weights = _loaded_detector(tmp_path / "out")
    head = "BoxPredictor_0/ClassPredictor/"
    np.testing.assert_array_equal(weights[head + "kernel"], variables[head + "weights"])

    arrays = reference(name)  # what TF 1.15 gave
    served = tf.saved_model.load(str(tmp_path / "out" / "saved_model"))
    outputs = served.signatures["serving_default"](input_tensor=tf.constant(arrays["image"]))
    for key in ("detection_boxes", "detection_scores", "detection_classes", "num_detections"):
        np.testing.assert_allclose(outputs[key].numpy(), arrays[key], atol=1e-4)


def test_a_training_checkpoint_with_moving_averages(tf1_folder, tf1_config, tmp_path):
    name = "ssd_mobilenet_v1_training"
    report = convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [])
    assert report.kind == "checkpoint"
    assert report.variables_loaded == 199
    assert "129 variables take their moving average" in report.notes
    assert len(report.unused) == 587 - 199
    assert report.proof.max_difference_raw < 1e-5
    averaged = "FeatureExtractor/MobilenetV1/Conv2d_0/"
    expected = tf.train.load_variable(
        str(tf1_folder(name) / "model.ckpt"), averaged + "weights/ExponentialMovingAverage"
    )
    np.testing.assert_array_equal(_loaded_detector(tmp_path / "out")[averaged + "kernel"], expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["embedded_ssd_mobilenet_v1", "ssd_mobilenet_v1", "ssd_mobilenet_v2", "ssdlite_mobilenet_v2"],
)
@pytest.mark.parametrize("file", ["model.ckpt", "frozen_inference_graph.pb"])
def test_every_native_architecture_from_both_sources(tf1_folder, tf1_config, tmp_path, name, file):
    report = convert(tf1_config(name), tf1_folder(name) / file, tmp_path / "out", [])
    assert report.proof.passed
    assert report.variables_loaded == report.variables_total
    assert report.architecture in SUPPORTED


def test_a_failed_proof_leaves_nothing_behind(tf1_folder, tf1_config, tmp_path):
    config = tf1_config("ssd_mobilenet_v1")
    config.model.ssd.image_resizer.fixed_shape_resizer.resize_method = 2  # NEAREST_NEIGHBOR
    out = tmp_path / "out"
    out.mkdir()
    (out / "earlier").write_text("kept")
    with pytest.raises(Failed, match="preprocessing"):
        convert(config, tf1_folder("ssd_mobilenet_v1") / "frozen_inference_graph.pb", out, [])
    assert os.listdir(tmp_path) == ["out"]
    assert os.listdir(out) == ["earlier"]


def test_a_backbone_that_does_not_fit_is_refused(tf1_folder, tf1_config, tmp_path):
    config = tf1_config("ssd_mobilenet_v2")
    with pytest.raises(Failed, match="backbone 0/260"):
        convert(config, tf1_folder("ssd_mobilenet_v1") / "frozen_inference_graph.pb", tmp_path / "out", [])
    assert os.listdir(tmp_path) == []


def test_an_unsupported_architecture_is_bad_input(tf1_folder, tf1_config, tmp_path):
    name = "faster_rcnn_inception_v2"
    with pytest.raises(BadInput, match="faster_rcnn"):
        convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [])


def test_a_missing_checkpoint_is_bad_input(tf1_config, tmp_path):
    with pytest.raises(BadInput, match="no checkpoint at this path"):
        convert(tf1_config("ssd_mobilenet_v1"), tmp_path / "model.ckpt", tmp_path / "out", [])
