from __future__ import annotations

import pytest

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


def test_names_without_a_rule():
    assert keras_path("global_step") is None
    with pytest.raises(Failed, match="no rule maps the model variable ssd/dropout/seed_state"):
        tf1_name("ssd/dropout/seed_state", "ssd")
