from __future__ import annotations

import pytest

from detection.blocks import BLOCKS, block_of


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("FeatureExtractor/MobilenetV2/Conv_1/weights", "backbone"),
        ("FeatureExtractor/MobilenetV1/Conv2d_13_pointwise/BatchNorm/gamma", "backbone"),
        ("FeatureExtractor/MobilenetV1/Conv2d_13_pointwise_2_Conv2d_2_3x3_s2_512/weights", "feature_maps"),
        ("FeatureExtractor/MobilenetV2/layer_19_1_Conv2d_2_1x1_256/BatchNorm/beta", "feature_maps"),
        ("FeatureExtractor/MobilenetV2/fpn/projection_1/weights", "fpn"),
        ("FeatureExtractor/MobilenetV1/fpn/bottom_up_Conv2d_14/BatchNorm/gamma", "fpn"),
        ("Conv/weights", "rpn"),
        ("FirstStageBoxPredictor/ClassPredictor/biases", "rpn"),
        ("FirstStageFeatureExtractor/InceptionV2/Conv2d_1a_7x7/weights", "backbone"),
        ("SecondStageBoxPredictor/ClassPredictor/biases", "class_head"),
        ("BoxPredictor_0/BoxEncodingPredictor_depthwise/depthwise_weights", "box_head"),
        ("BoxPredictor_0/ClassPredictor/biases", "class_head"),
        ("WeightSharedConvolutionalBoxPredictor/ClassPredictionTower/conv2d_0/weights", "class_head"),
        ("WeightSharedConvolutionalBoxPredictor/BoxPredictor/weights", "box_head"),
        ("FeatureExtractor/MnasFPN/cell_0/block_1/BatchNorm/beta", "fpn"),
        ("SecondStageBoxPredictor/class_predictions/biases", "class_head"),
        ("SecondStageBoxPredictor/refined_locations/biases", "box_head"),
        ("SecondStageBoxPredictor/Conv_1/weights", "masks"),
        ("AttentionBlock0_AttentionLayer0/fully_connected_2/BatchNorm/gamma", "attention"),
        ("SelfAttentionBlock/fully_connected/weights", "attention"),
        ("fully_connected/BatchNorm/moving_mean", "attention"),
    ],
)
def test_block_of(name: str, block: str) -> None:
    assert block_of(name) == block
    assert block in BLOCKS
