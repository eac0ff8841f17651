"""Detectors that start from a slim classifier: made here from a TF 1.15 detector's own backbone."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

from components.checkpoint_converter.classification import as_detector, classifier_name
from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.inspect import is_classification
from components.checkpoint_converter.restore import require_complete, restore
from components.checkpoint_converter.sources import read_checkpoint
from detection.blocks import block_of
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput
from tests.parity.child import run_child
from tests.parity.od_api_configs import CONFIGS

NAME = "ssd_mobilenet_v2"
SCOPE = "FeatureExtractor/"


@pytest.fixture
def classifier(tf1_folder, tmp_path, write_v1):
    """A V1 checkpoint of one file, as slim publishes them, with the classifier's output layer."""
    arrays = {
        name.removeprefix(SCOPE): array
        for name, array in read_checkpoint(tf1_folder(NAME)).items()
        if name.startswith(SCOPE) and block_of(name) == "backbone"
    }
    arrays["MobilenetV2/Logits/Conv2d_1c_1x1/weights"] = np.zeros((1, 1, 8, 1001), np.float32)
    arrays["MobilenetV2/Unused/weights"] = np.zeros((1, 1, 8, 8), np.float32)
    write_v1(tmp_path / "slim" / "mobilenet_v2.ckpt", arrays)
    return tmp_path / "slim" / "mobilenet_v2.ckpt"


@pytest.fixture
def config(tf1_config):
    config = tf1_config(NAME)
    config.train_config.fine_tune_checkpoint_type = "classification"
    return config


def test_the_backbone_is_loaded_and_the_rest_is_fresh_and_all_is_proved(classifier, config, tmp_path):
    report = convert(config, classifier, tmp_path / "out", [])
    blocks = {block.block: (block.wanted, block.loaded, block.fresh) for block in report.blocks}
    wanted, loaded, fresh = blocks["backbone"]
    assert wanted == loaded == report.variables_loaded == 260 and fresh == 0
    assert blocks["feature_maps"][1] == blocks["box_head"][1] == blocks["class_head"][1] == 0
    reasons = {variable.name: variable.reason for variable in report.variables}
    assert reasons["MobilenetV2/Logits/Conv2d_1c_1x1/weights"] == "the classifier's own output layer"
    assert reasons["MobilenetV2/Unused/weights"] == "a layer that the detector does not use"
    assert "backbone only" in reasons["BoxPredictor_0/ClassPredictor/weights"]
    assert "started from a classification checkpoint: 260 variables of the backbone" in report.notes
    assert report.proof is not None and report.proof.max_difference_raw < 1e-5


def test_the_config_must_ask_for_it(classifier, config):
    config.train_config.fine_tune_checkpoint_type = "detection"
    variables, model = read_checkpoint(classifier), build_detector(config.model)
    with pytest.raises(BadInput, match="this is a classification checkpoint") as error:
        as_detector(variables, model, config, [])
    assert 'fine_tune_checkpoint_type: "classification"' in error.value.fix
    config.train_config.fine_tune_checkpoint_type = ""
    config.train_config.from_detection_checkpoint = False  # the name before 2018
    assert len(as_detector(variables, model, config, [])) == len(model.weights)


def test_another_backbone_is_refused(classifier, config):
    config.model.ssd.feature_extractor.depth_multiplier *= 2
    with pytest.raises(BadInput, match="variables of the backbone found no value") as error:
        as_detector(read_checkpoint(classifier), build_detector(config.model), config, [])
    assert "depth_multiplier" in error.value.fix


def test_detectors_are_told_from_classifiers(zoo_variables):
    for listing in ("ssd_mobilenet_v1_fpn", "faster_rcnn_inception_v2_coco_2018_01_28"):
        assert not is_classification(dict.fromkeys(zoo_variables(listing), np.zeros(1)))
    assert is_classification({"MobilenetV1/Conv2d_0/weights": np.zeros(1)})


@pytest.mark.parametrize(
    ("detector", "classifier"),
    [
        ("FeatureExtractor/MobilenetV1/Conv2d_0/weights", "MobilenetV1/Conv2d_0/weights"),
        ("FirstStageFeatureExtractor/resnet_v1_50/conv1/weights", "resnet_v1_50/conv1/weights"),
        (
            "FirstStageFeatureExtractor/InceptionResnetV2/Repeat/block35_1/Conv2d_1x1/biases",
            "InceptionResnetV2/Repeat/block35_1/Conv2d_1x1/biases",
        ),
        (
            "FirstStageFeatureExtractor/InceptionResnetV2/Repeat_1/block17_1/Conv2d_1x1/biases",
            "InceptionResnetV2/Repeat_1/block17_1/Conv2d_1x1/biases",
        ),
        (
            "SecondStageFeatureExtractor/InceptionResnetV2/Repeat/block8_1/Conv2d_1x1/biases",
            "InceptionResnetV2/Repeat_2/block8_1/Conv2d_1x1/biases",
        ),
        (
            "SecondStageFeatureExtractor/InceptionResnetV2/Block8/Conv2d_1x1/biases",
            "InceptionResnetV2/Block8/Conv2d_1x1/biases",
        ),
    ],
)
def test_what_the_classifier_calls_a_variable(detector, classifier):
    assert classifier_name(detector) == classifier


@pytest.mark.slow
def test_inception_resnet_v2_starts_from_what_tf1_starts_from(tmp_path):
    text = CONFIGS["faster_rcnn_inception_resnet_v2"]
    (tmp_path / "pipeline.config").write_text(text)
    run_child("slim_classifier", str(tmp_path))
    config = parse_pipeline_config(text, "test")
    config.train_config.fine_tune_checkpoint_type = "classification"
    classifier, model = read_checkpoint(tmp_path / "slim.ckpt"), build_detector(config.model)
    assert is_classification(classifier)
    variables = as_detector(classifier, model, config, [])
    restored = restore(model, variables)
    require_complete(restored, variables.path)

    wanted = json.loads((tmp_path / "names.json").read_text())
    backbone = {name for name in variables if name not in variables.fresh}
    assert backbone == set(wanted) and len(backbone) == 896
    for name, theirs in wanted.items():
        np.testing.assert_array_equal(variables[name], classifier[theirs])
    # nothing but the classifier's output layers is left over
    assert set(variables.ignored) == set(classifier) - set(wanted.values())
    assert Counter(variables.ignored.values()) == {"the classifier's own output layer": 12}
    assert any(name.startswith("InceptionResnetV2/AuxLogits/") for name in variables.ignored)
