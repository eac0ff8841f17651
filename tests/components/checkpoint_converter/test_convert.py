from __future__ import annotations

import os
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.convert import Options, convert
from components.checkpoint_converter.report import ConversionReport
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import NATIVE, build_detector
from detection.config.label_map import parse_label_map
from detection.config.pipeline_config import read_pipeline_config
from detection.errors import BadInput, Failed
from detection.weights import read_weights

BLOCKS = {"backbone": 260, "feature_maps": 60, "box_head": 42, "class_head": 42}


def _loaded_detector(out: Path):
    detector = build_detector(read_pipeline_config(out / "pipeline.config").model)
    tf.train.Checkpoint(model=detector).read(
        str(out / "checkpoint" / "ckpt-1")
    ).assert_existing_objects_matched()
    return {weight.path.split("/", 1)[1]: weight.numpy() for weight in detector.weights}


def test_a_published_frozen_graph_to_new_classes(pedestrian, pedestrian_config, photos, tmp_path):
    out = tmp_path / "converted"
    graph = pedestrian / "frozen_inference_graph.pb"
    report = convert(pedestrian_config, graph, out, photos, Options(num_classes=4))
    assert (report.kind, report.architecture) == ("frozen_graph", "ssd_mobilenet_v2")
    assert (report.num_classes_checkpoint, report.num_classes_model) == (1, 4)
    assert (report.variables_loaded, report.variables_total) == (392, 404)
    assert {block.block: block.wanted for block in report.blocks} == BLOCKS
    assert {block.block: block.fresh for block in report.blocks if block.fresh} == {"class_head": 12}
    assert report.class_head.how == "fresh" and report.class_head.carried == 0
    assert report.blocks[0].loaded == 260
    assert {variable.name.split("/")[1] for variable in report.of_state("fresh")} == {"ClassPredictor"}
    assert {variable.reason for variable in report.of_state("fresh")} == {
        "fresh for the new classes, background kept"
    }
    assert report.of_state("dropped") == []
    assert all(variable.hash_before == variable.hash_after for variable in report.of_state("loaded"))
    assert all(variable.hash_before != variable.hash_after for variable in report.of_state("fresh"))
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
    bias = weights["BoxPredictor_0/ClassPredictor/bias"].reshape(3, 5)
    old_bias = variables["BoxPredictor_0/ClassPredictor/biases"].reshape(3, 2)
    np.testing.assert_array_equal(bias[:, 0], old_bias[:, 0])
    np.testing.assert_allclose(bias[:, 1:], np.log(0.01 / 0.99), rtol=1e-6)  # sigmoid: a prior of 0.01

    # what train.keep_old_classes learns from: the proved model, with the class of the checkpoint
    proved = build_detector(pedestrian_config.model, num_classes=1)
    read_weights(proved, out / "saved_model" / "variables" / "variables")
    np.testing.assert_array_equal(
        proved.box_predictors[0].get_weights()[-1], variables["BoxPredictor_0/ClassPredictor/biases"]
    )


def test_the_same_number_of_classes_keeps_the_class_head(tf1_folder, tf1_config, reference, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    config = tf1_config(name)
    config.eval_config.use_moving_averages = True
    report = convert(config, tf1_folder(name) / "frozen_inference_graph.pb", tmp_path / "out", [])
    assert report.variables_loaded == report.variables_total == 185
    assert (report.of_state("fresh"), report.of_state("dropped")) == ([], [])
    assert report.class_head.how == "id" and report.class_head.is_unchanged
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
    assert "read of the folder: model.ckpt" in report.notes
    assert len(report.of_state("dropped")) == 587 - 199
    last = report.blocks[-1]
    assert (last.block, last.wanted, last.dropped) == ("training_state", 0, 587 - 199)
    assert report.proof.max_difference_raw < 1e-5
    averaged = "FeatureExtractor/MobilenetV1/Conv2d_0/"
    expected = tf.train.load_variable(
        str(tf1_folder(name) / "model.ckpt"), averaged + "weights/ExponentialMovingAverage"
    )
    np.testing.assert_array_equal(_loaded_detector(tmp_path / "out")[averaged + "kernel"], expected)


def _labels(*names: str):
    text = "\n".join(f"item {{ id: {i} name: '{name}' }}" for i, name in enumerate(names, start=1))
    return parse_label_map(text, "label map")


def test_classes_by_name_detect_what_the_old_model_detected(tf1_folder, tf1_config, reference, tmp_path):
    """The same three classes in another order, one new before them: their scores are the old ones."""
    name = "embedded_ssd_mobilenet_v1"
    config = tf1_config(name)
    assert config.model.ssd.num_classes == 3
    options = Options(
        old_label_map=_labels("a", "b", "c"), label_map=_labels("c", "new", "a", "b"), proof=False
    )
    out = tmp_path / "out"
    report = convert(config, tf1_folder(name), out, [], options)
    assert report.class_head.describe() == "class head: 3 of 4 rows by name"
    assert read_pipeline_config(out / "pipeline.config").model.ssd.num_classes == 4
    detector = build_detector(read_pipeline_config(out / "pipeline.config").model)
    read_weights(detector, out / "checkpoint" / "ckpt-1")
    arrays = reference(name)
    raw = detector(detector.preprocess(tf.constant(arrays["image"])), training=False)
    logits = raw["class_predictions_with_background"].numpy()
    expected = arrays["class_predictions_with_background"]
    scale = np.abs(expected).max()
    assert logits.shape[-1] == 5
    np.testing.assert_allclose(logits[..., [0, 3, 4, 1]], expected, atol=1e-4 * scale)
    text = (out / "report.md").read_text()
    assert "class head: 3 of 4 rows by name" in text and "| 2 | new | fresh |" in text


def test_new_rows_have_the_same_first_values_every_time(tf1_folder, tf1_config, tmp_path):
    def hashes(out: str, proof: bool) -> dict[str, str | None]:
        options = Options(old_label_map=_labels("a", "b", "c"), label_map=_labels("new", "a"), proof=proof)
        name = "embedded_ssd_mobilenet_v1"
        report = convert(tf1_config(name), tf1_folder(name), tmp_path / out, [], options)
        assert report.of_state("fresh")
        return {variable.name: variable.hash_after for variable in report.variables}

    keras.utils.set_random_seed(7)  # whatever ran before
    assert hashes("first", proof=True) == hashes("second", proof=False)


def test_the_same_names_keep_the_head_bit_by_bit(tf1_folder, tf1_config, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    labels = _labels("a", "b", "c")
    options = Options(old_label_map=labels, label_map=labels, proof=False)
    report = convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [], options)
    assert report.variables_loaded == report.variables_total
    assert report.class_head.describe() == "class head: 3 of 3 rows by name"
    assert report.proof is None


def test_classes_and_label_map_that_disagree(tf1_folder, tf1_config, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    options = Options(label_map=_labels("a", "b", "c"), num_classes=2)
    with pytest.raises(BadInput, match="2 classes are asked for, but the label map has the id 3"):
        convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [], options)


def test_raw_values_against_the_config(tf1_folder, tf1_config, tmp_path):
    """The training checkpoint's config says averages; the proof follows the override too."""
    name = "ssd_mobilenet_v1_training"
    report = convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [], Options(weights="raw"))
    assert report.proof.max_difference_raw < 1e-5
    stem = "FeatureExtractor/MobilenetV1/Conv2d_0/"
    expected = tf.train.load_variable(str(tf1_folder(name) / "model.ckpt"), stem + "weights")
    np.testing.assert_array_equal(_loaded_detector(tmp_path / "out")[stem + "kernel"], expected)


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
    assert report.architecture in NATIVE


def test_a_failed_proof_leaves_nothing_behind(tf1_folder, tf1_config, tmp_path):
    config = tf1_config("ssd_mobilenet_v1")
    config.model.ssd.image_resizer.fixed_shape_resizer.resize_method = 2  # NEAREST_NEIGHBOR
    out = tmp_path / "out"
    out.mkdir()
    for name in ("report.json", "report.md"):  # of an earlier conversion
        (out / name).write_text("kept")
    with pytest.raises(Failed, match="preprocessing"):
        convert(config, tf1_folder("ssd_mobilenet_v1") / "frozen_inference_graph.pb", out, [])
    assert os.listdir(tmp_path) == ["out"]
    assert {name: (out / name).read_text() for name in os.listdir(out)} == {
        "report.json": "kept",
        "report.md": "kept",
    }


def test_the_folder_of_the_input_is_no_output(tf1_folder, tf1_config, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    shutil.copytree(tf1_folder(name), tmp_path / "model")
    (tmp_path / "model").chmod(0o755)
    held = sorted(os.listdir(tmp_path / "model"))
    with pytest.raises(BadInput, match="the output folder holds other files"):
        convert(tf1_config(name), tmp_path / "model", tmp_path / "model", [], Options(proof=False))
    assert sorted(os.listdir(tmp_path / "model")) == held


def test_a_full_disk_is_named(tf1_folder, tf1_config, tmp_path, monkeypatch):
    name = "embedded_ssd_mobilenet_v1"

    def full(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "variables.data; No space left on device")

    monkeypatch.setattr("components.checkpoint_converter.convert.export_saved_model", full)
    with pytest.raises(Failed, match="the disk is full") as error:
        convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [], Options(proof=False))
    assert "MiB free" in error.value.where and os.listdir(tmp_path) == []


def test_more_classes_than_any_memory_holds(tf1_folder, tf1_config, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    labels = parse_label_map("item { id: 1000000000 name: 'a' }", "label map")
    for options in (Options(label_map=labels), Options(num_classes=1_000_000_000)):
        with pytest.raises(BadInput, match="1000000000 classes are asked for"):
            convert(tf1_config(name), tf1_folder(name), tmp_path / "out", [], options)


def test_a_path_that_tensorflow_takes_for_a_pattern(tf1_folder, tf1_config, tmp_path):
    name = "embedded_ssd_mobilenet_v1"
    shutil.copytree(tf1_folder(name), tmp_path / "model[1]")
    with pytest.raises(BadInput, match="take for a pattern"):
        convert(tf1_config(name), tmp_path / "model[1]" / "model.ckpt", tmp_path / "out", [])


def test_a_backbone_that_does_not_fit_is_refused(tf1_folder, tf1_config, tmp_path):
    config = tf1_config("ssd_mobilenet_v2")
    with pytest.raises(BadInput, match="backbone 0/260"):
        convert(config, tf1_folder("ssd_mobilenet_v1") / "frozen_inference_graph.pb", tmp_path / "out", [])
    assert os.listdir(tmp_path) == []


def test_a_config_with_fewer_layers_is_refused_before_the_proof(tf1_folder, tf1_config, tmp_path):
    """The proof would pass: TF1's graph of this config has as few."""
    config = tf1_config("ssd_mobilenet_v1")
    config.model.ssd.feature_extractor.num_layers = 5
    config.model.ssd.anchor_generator.ssd_anchor_generator.num_layers = 5
    with pytest.raises(BadInput, match="14 variables that the config's model has not"):
        convert(config, tf1_folder("ssd_mobilenet_v1"), tmp_path / "out", [])
    assert os.listdir(tmp_path) == []


def test_an_unsupported_architecture_is_bad_input(tf1_folder, tf1_config, tmp_path):
    name = "faster_rcnn_inception_v2"
    config = tf1_config(name)
    config.model.faster_rcnn.feature_extractor.type = "faster_rcnn_vgg16"
    with pytest.raises(BadInput, match="faster_rcnn_vgg16 is none of the TF1 Object Detection API's"):
        convert(config, tf1_folder(name), tmp_path / "out", [])


def test_a_missing_checkpoint_is_bad_input(tf1_config, tmp_path):
    with pytest.raises(BadInput, match="no checkpoint at this path"):
        convert(tf1_config("ssd_mobilenet_v1"), tmp_path / "model.ckpt", tmp_path / "out", [])
