from typing import Any

import pytest

from detection.blocks import block_of
from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput
from detection.extractors.faster_rcnn_inception_resnet_v2 import faster_rcnn_inception_resnet_v2
from tests.parity.od_api_configs import CONFIGS


def extractor_config(name: str) -> Any:
    return parse_pipeline_config(CONFIGS[name], "test").model.faster_rcnn.feature_extractor


@pytest.mark.parametrize(
    ("name", "strides"),
    [("faster_rcnn_inception_resnet_v2", 2), ("faster_rcnn_inception_resnet_v2_atrous", 1)],
)
def test_the_config_says_the_stride(name: str, strides: int) -> None:
    extractor = faster_rcnn_inception_resnet_v2(extractor_config(name))
    (scope,) = extractor.first_stage.layers
    by_name = {layer.name: layer for layer in scope.layers}
    assert by_name["Mixed_6a"].branches[0].layers[0]._stride == strides
    assert (extractor.first_stage.name, scope.name) == ("FirstStageFeatureExtractor", "InceptionResnetV2")
    (scope,) = extractor.second_stage.layers
    assert (extractor.second_stage.name, scope.name) == ("SecondStageFeatureExtractor", "InceptionResnetV2")


def test_another_stride_is_refused() -> None:
    config = extractor_config("faster_rcnn_inception_resnet_v2")
    config.first_stage_features_stride = 32
    with pytest.raises(BadInput, match="first_stage_features_stride is 32"):
        faster_rcnn_inception_resnet_v2(config)


def test_batch_norm_is_frozen_unless_the_config_trains_it() -> None:
    config = extractor_config("faster_rcnn_inception_resnet_v2")
    for trains in (False, True):
        config.batch_norm_trainable = trains
        (scope,) = faster_rcnn_inception_resnet_v2(config).first_stage.layers
        assert scope.layers[0].batch_norm.trains is trains


def test_all_its_variables_are_the_backbones() -> None:
    for name in ("Repeat/block8_1/Conv2d_1x1/biases", "Block8/Conv2d_1x1/weights", "Conv2d_7b_1x1/weights"):
        assert block_of(f"SecondStageFeatureExtractor/InceptionResnetV2/{name}") == "backbone"
