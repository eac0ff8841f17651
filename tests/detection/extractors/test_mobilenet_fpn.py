from typing import Any

import pytest
import tensorflow as tf

from detection.config.pipeline_config import parse_pipeline_config
from detection.errors import BadInput
from detection.model_builder import feature_extractor

TYPES = ("ssd_mobilenet_v1_fpn", "ssd_mobilenet_v2_fpn")


def extractor_config(name: str, options: str = "") -> Any:
    text = f"""model {{ ssd {{ feature_extractor {{
      type: "{name}" depth_multiplier: 0.25 min_depth: 16 {options}
      conv_hyperparams {{ initializer {{ truncated_normal_initializer {{ }} }} batch_norm {{ }} }}
    }} }} }}"""
    return parse_pipeline_config(text, "fpn.config").model.ssd.feature_extractor


def shapes_and_variables(config: Any, size: int = 128) -> tuple[list[tuple[int, ...]], dict[str, Any]]:
    extractor = feature_extractor(config)
    maps = extractor(tf.zeros([1, size, size, 3]))
    return [tuple(features.shape[1:]) for features in maps], {v.path: v for v in extractor.variables}


@pytest.mark.parametrize("name", TYPES)
def test_levels_three_to_seven(name: str) -> None:
    shapes, variables = shapes_and_variables(extractor_config(name))
    assert shapes == [(16, 16, 64), (8, 8, 64), (4, 4, 64), (2, 2, 64), (1, 1, 64)]
    scope = {"ssd_mobilenet_v1_fpn": "MobilenetV1", "ssd_mobilenet_v2_fpn": "MobilenetV2"}[name]
    last = {"ssd_mobilenet_v1_fpn": 13, "ssd_mobilenet_v2_fpn": 19}[name]
    names = {path.split("/")[3] for path in variables if path.startswith(f"FeatureExtractor/{scope}/fpn/")}
    assert names == {
        "projection_1",
        "projection_2",
        "projection_3",
        "smoothing_1",
        "smoothing_2",
        f"bottom_up_Conv2d_{last + 1}",
        f"bottom_up_Conv2d_{last + 2}",
    }


@pytest.mark.parametrize("name", TYPES)
def test_levels_two_to_four_need_no_coarse_maps(name: str) -> None:
    shapes, variables = shapes_and_variables(
        extractor_config(name, "fpn { min_level: 2 max_level: 4 additional_layer_depth: 100 }")
    )
    assert shapes == [(32, 32, 25), (16, 16, 25), (8, 8, 25)]
    assert not any("bottom_up" in path for path in variables)


def test_depthwise_narrows_the_top_of_the_backbone() -> None:
    _, variables = shapes_and_variables(extractor_config(TYPES[0], "use_depthwise: true"))
    scope = "FeatureExtractor/MobilenetV1"
    assert variables[f"{scope}/Conv2d_12_pointwise/kernel"].shape == (1, 1, 128, 128)
    assert variables[f"{scope}/Conv2d_13_pointwise/kernel"].shape == (1, 1, 128, 64)
    _, variables = shapes_and_variables(extractor_config(TYPES[1], "use_depthwise: true"))
    assert variables["FeatureExtractor/MobilenetV2/Conv_1/kernel"].shape == (1, 1, 80, 64)
    assert "FeatureExtractor/MobilenetV2/fpn/smoothing_1/pointwise_kernel" in variables
    _, variables = shapes_and_variables(extractor_config(TYPES[1]))
    assert variables["FeatureExtractor/MobilenetV2/Conv_1/kernel"].shape == (1, 1, 80, 320)


def test_padding_makes_any_image_size_halve() -> None:
    padded, _ = shapes_and_variables(extractor_config(TYPES[0], "pad_to_multiple: 32"), size=150)
    assert padded[0] == (20, 20, 64)


def test_a_level_finer_than_the_backbones() -> None:
    with pytest.raises(BadInput, match="level 1 to 7"):
        shapes_and_variables(extractor_config(TYPES[0], "fpn { min_level: 1 }"))
