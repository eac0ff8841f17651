"""TF2 object-based checkpoints, written by the Object Detection API's own Keras models."""

from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.convert import Options, convert
from components.checkpoint_converter.proof import prove
from components.checkpoint_converter.proof_images import proof_images
from components.checkpoint_converter.restore import require_complete, restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import build_detector
from detection.config.keras_twins import DIFFERENCES, in_tf1_terms
from detection.config.pipeline_config import parse_pipeline_config, read_pipeline_config
from detection.errors import EXIT_BAD_INPUT, BadInput, Failed
from detection.tf1.frozen_graph import FrozenDetector, load_frozen_graph
from detection.tf1.oracle import write_oracle
from tests.parity.od_api_configs import (
    CONVOLUTIONAL,
    DEPTHWISE,
    FOCAL,
    FPN,
    FPN_ANCHORS,
    OVERRIDE,
    shared,
    ssd,
)
from tests.parity.od_api_keras import write_keras_detector

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
V1 = ssd("ssd_mobilenet_v1_keras", "", CONVOLUTIONAL, size=96)
SSDLITE_V2 = ssd("ssd_mobilenet_v2_keras", f"use_depthwise: true {OVERRIDE}", DEPTHWISE, size=96)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A checkpoint of training: with an optimizer's slots, moving averages and a step."""
    return write_keras_detector(V1, tmp_path_factory.mktemp("tf2") / "v1", training=True)


@pytest.fixture
def config():
    return parse_pipeline_config(V1, "v1")


def test_every_value_is_read_or_accounted_for(trained, config):
    variables = read_checkpoint(trained)
    assert (variables.kind, variables.path) == ("tf2_checkpoint", str(trained))
    assert (len(variables), len(variables.averages)) == (199, 129)
    assert Counter(variables.ignored.values()) == {
        "optimizer slot": 129,
        "optimizer state": 4,
        "step counter of training": 1,
        "counter of saves": 1,
    }
    keys = {name for name, _ in tf.train.list_variables(str(trained)) if name.endswith(VALUE)}
    assert len(keys) == 199 + 129 + len(variables.ignored)
    detector = build_detector(in_tf1_terms(config).model)
    restored = restore(detector, variables)
    require_complete(restored, "v1")
    assert len(restored.loaded) == 199 and not restored.fresh


def test_values_are_those_of_the_objects(trained):
    variables = read_checkpoint(trained.parent)
    reader = tf.train.load_checkpoint(str(trained))
    kernel = "model/_feature_extractor/classification_backbone/layer_with_weights-2/depthwise_kernel"
    name = "FeatureExtractor/MobilenetV1/Conv2d_1_depthwise/depthwise_weights"
    np.testing.assert_array_equal(variables[name], reader.get_tensor(kernel + VALUE))
    average = reader.get_tensor(f"{kernel}/.OPTIMIZER_SLOT/optimizer/average{VALUE}")
    np.testing.assert_array_equal(variables.averages[name], average)
    assert not np.array_equal(variables[name], average)


def test_what_is_no_variable_of_the_model_is_named(tmp_path):
    class Settings(tf.train.experimental.PythonState):
        def serialize(self) -> str:
            return "{}"

        def deserialize(self, string_value: str) -> None: ...

    model = tf.Module()
    model._feature_extractor = tf.Module()
    model._feature_extractor.layer = tf.Variable([1.0], name="conv_pw_13/kernel")
    model._feature_extractor.settings = Settings()
    prefix = tf.train.Checkpoint(model=model, other=tf.Variable(1)).write(str(tmp_path / "ckpt-0"))
    variables = read_checkpoint(prefix)
    assert list(variables) == ["FeatureExtractor/MobilenetV1/Conv2d_13_pointwise/weights"]
    settings = "model/_feature_extractor/settings/.ATTRIBUTES/py_state"
    assert variables.ignored == {settings: "no part of the model", "other": "no part of the model"}


def test_a_config_of_another_architecture(trained, config, tmp_path):
    config.model.ssd.feature_extractor.type = "ssd_mobilenet_v2"
    with pytest.raises(BadInput, match="is of ssd_mobilenet_v1_keras, but .* is ssd_mobilenet_v2") as error:
        convert(config, trained, tmp_path / "out", [])
    assert error.value.exit_code == EXIT_BAD_INPUT == 78
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("extractor", ["ssd_inception_v2", "ssd_mobilenet_v1_fpn"])
def test_a_config_of_a_model_that_tf2_computes_otherwise(trained, config, tmp_path, extractor):
    config.model.ssd.feature_extractor.type = extractor
    with pytest.raises(BadInput, match=f"{extractor}_keras has no equal in TF1"):
        convert(config, trained, tmp_path / "out", [])


def test_a_checkpoint_without_its_data_file(trained, tmp_path):
    shutil.copy(trained.with_name("ckpt-0.index"), tmp_path)
    with pytest.raises(BadInput, match="0 of its 1 .data files"):
        read_checkpoint(tmp_path / "ckpt-0")


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "note"), [("raw", []), ("averages", ["take their moving average"])])
def test_a_training_checkpoint_is_proved_against_the_keras_model(trained, config, tmp_path, weights, note):
    report = convert(config, trained, tmp_path / "out", [], Options(weights=weights))
    assert report.proof is not None and report.proof.passed
    assert report.proof.max_difference_raw < 1e-4 and report.proof.matched_detections >= 10
    assert (report.kind, report.architecture) == ("tf2_checkpoint", "ssd_mobilenet_v1")
    assert report.variables_loaded == report.variables_total == 199
    assert len(report.notes) == len(note) and all(each in report.notes[0] for each in note)
    written = read_pipeline_config(tmp_path / "out" / "pipeline.config")
    assert written.model.ssd.feature_extractor.type == "ssd_mobilenet_v1"


@pytest.mark.slow
def test_layers_of_the_same_shape_that_are_mixed_up_fail_the_proof(trained, config, tmp_path):
    write_oracle(trained.parents[1] / "pipeline.config", str(trained), tmp_path / "oracle.pb")
    oracle = FrozenDetector(load_frozen_graph(tmp_path / "oracle.pb"))
    images, source = proof_images([])
    values = dict(read_checkpoint(trained))
    for block, names in (
        (None, ("FeatureExtractor/MobilenetV1/Conv2d_0/weights",) * 2),
        (
            "backbone",
            [f"FeatureExtractor/MobilenetV1/Conv2d_{n}_pointwise/BatchNorm/moving_mean" for n in (7, 8)],
        ),
        ("class_head", [f"BoxPredictor_{n}/ClassPredictor/biases" for n in (1, 2)]),
    ):
        detector = build_detector(in_tf1_terms(config).model)
        one, other = names
        restore(detector, values | {one: values[other], other: values[one]})
        if block is None:
            assert prove(detector, oracle, images[:1], source, 0.2).passed
        else:
            with pytest.raises(Failed, match=f"first block that differs is {block}"):
                prove(detector, oracle, images[:1], source, 0.2)


@pytest.mark.slow
def test_an_exported_ssdlite_and_a_config_in_tf1s_terms(tmp_path):
    write_keras_detector(SSDLITE_V2, tmp_path / "exported")
    config = in_tf1_terms(read_pipeline_config(tmp_path / "exported" / "pipeline.config"))
    report = convert(config, tmp_path / "exported", tmp_path / "out", [], Options(num_classes=5))
    assert report.proof is not None and report.proof.passed
    assert report.proof.max_difference_raw < 1e-4 and report.proof.matched_detections >= 10
    assert (report.num_classes_checkpoint, report.num_classes_model) == (3, 5)
    assert (report.variables_total, len(report.of_state("fresh"))) == (404, 12)


@pytest.mark.slow
def test_the_tf2_zoos_ssd_mobilenet_v2(tf2_zoo_config, tmp_path):
    write_keras_detector(tf2_zoo_config("ssd_mobilenet_v2_320x320_coco17_tpu-8"), tmp_path / "zoo")
    config = read_pipeline_config(tmp_path / "zoo" / "pipeline.config")
    report = convert(config, tmp_path / "zoo", tmp_path / "out", [])
    assert report.proof is not None and report.proof.passed
    assert report.proof.max_difference_raw < 1e-4 and report.proof.matched_detections >= 10
    assert (report.architecture, report.num_classes_model) == ("ssd_mobilenet_v2", 90)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("extractor", "options"),
    [("ssd_mobilenet_v1_fpn_keras", ""), ("ssd_resnet50_v1_fpn_keras", OVERRIDE)],
)
def test_real_checkpoints_of_other_functions(tmp_path, extractor, options):
    config = ssd(extractor, f"{FPN} {options}", shared(), FPN_ANCHORS, loss=FOCAL)
    prefix = write_keras_detector(config, tmp_path)
    with pytest.raises(BadInput) as error:
        read_checkpoint(prefix)
    assert extractor in error.value.what and DIFFERENCES[extractor] in error.value.what
