"""Keras names of TF2 checkpoints and TF1's for the same variables."""

from __future__ import annotations

import pytest

from components.checkpoint_converter.tf2_names import ARCHITECTURES, architecture_of, tf1_names
from detection.errors import BadInput

BY_EXTRACTOR = {names.extractor: names for names in ARCHITECTURES}
V1, V2 = "FeatureExtractor/MobilenetV1", "FeatureExtractor/MobilenetV2"
HEAD = "BoxPredictor/ConvolutionalBoxHead_4/BoxEncodingPredictor"


@pytest.mark.parametrize(
    ("extractor", "keras", "tf1"),
    [
        ("ssd_mobilenet_v1", "conv1/kernel", f"{V1}/Conv2d_0/weights"),
        ("ssd_mobilenet_v1", "conv1_bn/gamma", f"{V1}/Conv2d_0/BatchNorm/gamma"),
        (
            "ssd_mobilenet_v1",
            "conv_dw_11/depthwise_kernel",
            f"{V1}/Conv2d_11_depthwise/depthwise_weights",
        ),
        (
            "ssd_mobilenet_v1",
            "conv_pw_2_bn/moving_mean",
            f"{V1}/Conv2d_2_pointwise/BatchNorm/moving_mean",
        ),
        (
            "ssd_mobilenet_v1",
            "ssd_mobile_net_v1_keras_feature_extractor_1/FeatureMaps/"
            "Conv2d_13_pointwise_1_Conv2d_2_1x1_256_conv/kernel",
            f"{V1}/Conv2d_13_pointwise_1_Conv2d_2_1x1_256/weights",
        ),
        ("ssd_mobilenet_v2", "Conv1/kernel", f"{V2}/Conv/weights"),
        ("ssd_mobilenet_v2", "bn_Conv1/beta", f"{V2}/Conv/BatchNorm/beta"),
        ("ssd_mobilenet_v2", "Conv_1_bn/beta", f"{V2}/Conv_1/BatchNorm/beta"),
        (
            "ssd_mobilenet_v2",
            "expanded_conv_depthwise/depthwise_kernel",
            f"{V2}/expanded_conv/depthwise/depthwise_weights",
        ),
        (
            "ssd_mobilenet_v2",
            "outer/block_16_project_BN/moving_variance",
            f"{V2}/expanded_conv_16/project/BatchNorm/moving_variance",
        ),
        (
            "ssd_mobilenet_v2",
            "FeatureMaps/layer_19_2_Conv2d_2_3x3_s2_512_depthwise_batchnorm/gamma",
            f"{V2}/layer_19_2_Conv2d_2_3x3_s2_512_depthwise/BatchNorm/gamma",
        ),
        ("ssd_mobilenet_v2", f"{HEAD}/bias", "BoxPredictor_4/BoxEncodingPredictor/biases"),
        (
            "ssd_mobilenet_v2",
            f"{HEAD}_depthwise_batchnorm/beta",
            "BoxPredictor_4/BoxEncodingPredictor_depthwise/BatchNorm/beta",
        ),
        (
            "ssd_mobilenet_v2",
            "BoxPredictor/ConvolutionalClassHead_0/ClassPredictor_depthwise/depthwise_kernel",
            "BoxPredictor_0/ClassPredictor_depthwise/depthwise_weights",
        ),
        (
            "ssd_mobilenet_v1",
            "SharedConvolutions_3/Conv2d_0_1x1_32_norm/gamma",
            "BoxPredictor_3/Conv2d_0_1x1_32/BatchNorm/gamma",
        ),
    ],
)
def test_one_variable(extractor, keras, tf1):
    assert tf1_names({"key": keras}, BY_EXTRACTOR[extractor], "c") == {"key": tf1}


def test_the_architecture_is_told_by_the_backbone():
    assert architecture_of({"a": "conv_pw_13/kernel"}, "c").extractor == "ssd_mobilenet_v1"
    assert architecture_of({"a": "x/block_16_project/kernel"}, "c").extractor == "ssd_mobilenet_v2"
    with pytest.raises(BadInput, match="none of ssd_mobilenet_v1, ssd_mobilenet_v2"):
        architecture_of({"a": "stem_conv2d/kernel"}, "c")


@pytest.mark.parametrize(
    "odd",
    [
        "conv1/weird",  # a kind of variable that no layer has
        "block_1_expand/kernel",  # a layer of another architecture
        "WeightSharedConvolutionalBoxPredictor/BoxPredictionTower/conv2d_0/kernel",  # no rules for it
    ],
)
def test_a_variable_that_no_rule_is_about(odd):
    with pytest.raises(BadInput, match="1 of the checkpoint's variables are not clearly") as error:
        tf1_names({"a": "conv1/kernel", "b": odd}, BY_EXTRACTOR["ssd_mobilenet_v1"], "here")
    assert odd in error.value.what and error.value.where == "here"


def test_two_variables_of_one_name():
    twice = {"a": "conv1/kernel", "b": "copy/conv1/kernel", "c": "conv_dw_1/depthwise_kernel"}
    with pytest.raises(BadInput, match="2 of the checkpoint's variables") as error:
        tf1_names(twice, BY_EXTRACTOR["ssd_mobilenet_v1"], "c")
    assert "copy/conv1/kernel" in error.value.what
