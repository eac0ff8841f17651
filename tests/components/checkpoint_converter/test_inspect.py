from __future__ import annotations

import numpy as np
import pytest

from components.checkpoint_converter.inspect import checkpoint_num_classes
from components.checkpoint_converter.sources import read_checkpoint
from detection.errors import BadInput


@pytest.mark.parametrize(
    ("listing", "num_classes"),
    [
        ("ssd_mobilenet_v1_coco_2018_01_28", 90),
        ("ssd_mobilenet_v1_fpn", 90),  # weight shared: one class predictor for all levels
        ("faster_rcnn_inception_v2_coco_2018_01_28", 90),
        ("training_ssd_mobilenet_v2_rmsprop_ema", 2),
        ("training_faster_rcnn_resnet101_momentum", 14),
    ],
)
def test_real_checkpoints(zoo_variables, listing, num_classes):
    biases = {
        name: np.zeros(shape) for name, shape in zoo_variables(listing).items() if name.endswith("biases")
    }
    assert checkpoint_num_classes(biases) == num_classes


@pytest.mark.parametrize(
    ("name", "num_classes"), [("embedded_ssd_mobilenet_v1", 3), ("ssd_mobilenet_v2_fpnlite", 4)]
)
def test_models_written_by_tf_1_15(tf1_folder, name, num_classes):
    assert checkpoint_num_classes(read_checkpoint(tf1_folder(name))) == num_classes


def test_a_classification_checkpoint():
    with pytest.raises(BadInput, match="classification checkpoint"):
        checkpoint_num_classes({"MobilenetV2/Logits/Conv2d_1c_1x1/biases": np.zeros(1001)})


def test_heads_that_disagree():
    variables = {
        f"BoxPredictor_{level}/{head}/biases": np.zeros(size)
        for level, sizes in enumerate([(12, 9), (24, 30)])
        for head, size in zip(("BoxEncodingPredictor", "ClassPredictor"), sizes, strict=True)
    }
    with pytest.raises(BadInput, match=r"disagree about the number of classes: \[2, 4\]"):
        checkpoint_num_classes(variables)


def test_position_sensitive_maps_of_r_fcn():
    scope = "SecondStageBoxPredictor"
    maps = {
        f"{scope}/class_predictions/biases": np.zeros(9 * 91),
        f"{scope}/refined_locations/biases": np.zeros(9 * 90 * 4),
    }
    assert checkpoint_num_classes(maps) == 90
