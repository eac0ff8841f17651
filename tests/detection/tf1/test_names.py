from __future__ import annotations

import pytest

from components.checkpoint_converter.bookkeeping import reason_to_ignore
from detection.errors import Failed
from detection.tf1.names import keras_path, tf1_name


@pytest.mark.parametrize(
    ("tf1", "keras"),
    [
        (
            "FeatureExtractor/MobilenetV2/expanded_conv_3/depthwise/depthwise_weights",
            "FeatureExtractor/MobilenetV2/expanded_conv_3/depthwise/depthwise_kernel",
        ),
        ("FeatureExtractor/MobilenetV2/Conv/weights", "FeatureExtractor/MobilenetV2/Conv/kernel"),
        ("BoxPredictor_0/ClassPredictor/biases", "BoxPredictor_0/ClassPredictor/bias"),
        (
            "FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/moving_mean",
            "FeatureExtractor/MobilenetV1/Conv2d_0/BatchNorm/moving_mean",
        ),
        ("P/conv2d_0/pointwise_weights", "P/conv2d_0/pointwise_kernel"),
    ],
)
def test_both_directions(tf1, keras):
    assert keras_path(tf1) == keras
    assert tf1_name(keras, "ssd") == tf1
    assert tf1_name(f"ssd/{keras}", "ssd") == tf1


@pytest.mark.parametrize(
    "listing",
    [
        "ssd_mobilenet_v1_fpn",
        "ssd_inception_v2_coco",
        "ssdlite_mobilenet_v2_coco_2018_05_09",
        "faster_rcnn_inception_v2_coco_2018_01_28",
        "training_faster_rcnn_resnet101_momentum",
    ],
)
def test_every_model_variable_of_real_checkpoints_maps_and_maps_back(zoo_variables, listing):
    names = [name for name in zoo_variables(listing) if reason_to_ignore(name) is None]
    paths = {name: keras_path(name) for name in names}
    assert None not in paths.values()
    assert len(set(paths.values())) == len(names)
    assert {name: tf1_name(path, "ssd") for name, path in paths.items()} == {name: name for name in names}


def test_names_without_a_rule():
    assert keras_path("global_step") is None
    with pytest.raises(Failed, match="no rule maps the model variable ssd/dropout/seed_state"):
        tf1_name("ssd/dropout/seed_state", "ssd")
