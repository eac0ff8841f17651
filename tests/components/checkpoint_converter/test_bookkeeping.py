from __future__ import annotations

import pytest

from components.checkpoint_converter.bookkeeping import reason_to_ignore

SCOPE = "FeatureExtractor/MobilenetV2/Conv"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("global_step", "step counter"),
        (f"{SCOPE}/weights/Momentum", "optimizer slot"),
        (f"{SCOPE}/weights/RMSProp_1", "optimizer slot"),
        (f"{SCOPE}/BatchNorm/gamma/Adam_1", "optimizer slot"),
        ("beta1_power", "optimizer state"),
        (f"{SCOPE}/weights/ExponentialMovingAverage", "moving average"),
        (f"{SCOPE}/act_quant/min", "quantisation"),
        (f"{SCOPE}/post_activation_bypass_quant/max", "quantisation"),
        (f"{SCOPE}/act_quant/conv/min/biased", "quantisation"),
        (f"{SCOPE}/moving/local_step", "state of a moving average"),
        ("FirstStageFeatureExtractor/resnet_v1_101/block4/unit_1/bottleneck_v1/conv1/weights", "dead"),
    ],
)
def test_what_training_leaves_behind(name, reason):
    assert reason in reason_to_ignore(name)


@pytest.mark.parametrize(
    "name",
    [
        f"{SCOPE}/weights",
        f"{SCOPE}/BatchNorm/moving_variance",
        "BoxPredictor_0/ClassPredictor_depthwise/depthwise_weights",
        "SecondStageFeatureExtractor/resnet_v1_101/block4/unit_1/bottleneck_v1/conv1/weights",
        "WeightSharedConvolutionalBoxPredictor/PredictionTower/conv2d_0/BatchNorm/feature_0/beta",
    ],
)
def test_what_belongs_to_the_model(name):
    assert reason_to_ignore(name) is None


@pytest.mark.parametrize(
    ("listing", "model_variables"),
    [
        ("training_ssd_mobilenet_v1_rmsprop", 199),
        ("training_ssd_mobilenet_v2_rmsprop_ema", 404),
        ("training_faster_rcnn_inception_v2_momentum", 356),
        ("export_ssd_mobilenet_v2_quantized", 324),
        ("ssd_mobilenet_v1_fpn", 333),
    ],
)
def test_real_checkpoints(zoo_variables, listing, model_variables):
    names = zoo_variables(listing)
    assert sum(reason_to_ignore(name) is None for name in names) == model_variables
