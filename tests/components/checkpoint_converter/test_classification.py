"""Detectors that start from a slim classifier: made here from a TF 1.15 detector's own backbone."""

from __future__ import annotations

import numpy as np
import pytest

from components.checkpoint_converter.classification import as_detector, is_classification
from components.checkpoint_converter.convert import convert
from components.checkpoint_converter.sources import read_checkpoint
from detection.builder import block_of, build_detector
from detection.errors import BadInput, Failed

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
    with pytest.raises(Failed, match="variables of the backbone found no value") as error:
        as_detector(read_checkpoint(classifier), build_detector(config.model), config, [])
    assert "depth_multiplier" in error.value.fix


def test_detectors_are_told_from_classifiers(zoo_variables):
    for listing in ("ssd_mobilenet_v1_fpn", "faster_rcnn_inception_v2_coco_2018_01_28"):
        assert not is_classification(dict.fromkeys(zoo_variables(listing), np.zeros(1)))
    assert is_classification({"MobilenetV1/Conv2d_0/weights": np.zeros(1)})
