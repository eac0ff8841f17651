from typing import Any

import pytest

from detection.builder import build_detector
from detection.errors import BadInput

TYPES = ("ssd_mobilenet_v3_large", "ssd_mobilenet_v3_small", "ssd_mobilenet_edgetpu")


@pytest.fixture
def config(small_config: Any) -> Any:
    small_config.model.ssd.feature_extractor.num_layers = 6
    small_config.model.ssd.anchor_generator.ssd_anchor_generator.num_layers = 6
    return small_config


@pytest.mark.parametrize("kind", TYPES)
def test_all_variables_are_in_the_scope_of_tf1(config: Any, kind: str) -> None:
    config.model.ssd.feature_extractor.type = kind
    detector = build_detector(config.model)
    scope = "MobilenetEdgeTPU" if "edgetpu" in kind else "MobilenetV3"
    base = {"MobilenetEdgeTPU": "layer_23", "MobilenetV3": "layer_17" if "large" in kind else "layer_13"}
    paths = [variable.path for variable in detector.variables if "BoxPredictor" not in variable.path]
    assert all(path.startswith(f"ssd/FeatureExtractor/{scope}/") for path in paths)
    assert any(f"/{base[scope]}_2_Conv2d_5_3x3_s2_12_depthwise/" in path for path in paths)


def test_explicit_padding_is_refused(config: Any) -> None:
    config.model.ssd.feature_extractor.type = TYPES[0]
    config.model.ssd.feature_extractor.use_explicit_padding = True
    with pytest.raises(BadInput, match="use_explicit_padding") as error:
        build_detector(config.model)
    assert error.value.where == "model.ssd.feature_extractor.use_explicit_padding"


def test_another_number_of_maps_is_refused(config: Any) -> None:
    config.model.ssd.feature_extractor.type = TYPES[1]
    config.model.ssd.feature_extractor.num_layers = 5
    with pytest.raises(BadInput, match="6 feature maps"):
        build_detector(config.model)
