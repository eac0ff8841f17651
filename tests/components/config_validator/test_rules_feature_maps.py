"""Rules about feature maps, anchors and pyramids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_feature_maps import RULES
from components.config_validator.subject import Problem
from detection.config.pipeline_config import parse_pipeline_config
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

SSD = "model { ssd { %s } }"
SIZE = SSD % "image_resizer { fixed_shape_resizer { height: %s width: %s } }"
PYRAMID = SSD % (
    "feature_extractor { type: 'ssd_mobilenet_v2_fpn' fpn { min_level: 3 max_level: 7 } }"
    "anchor_generator { multiscale_anchor_generator { min_level: 3 max_level: 7 } }"
    "box_predictor { weight_shared_convolutional_box_predictor { depth: 32 } }"
    "image_resizer { fixed_shape_resizer { height: 320 width: 320 } }"
)
LEVELS = SSD % "anchor_generator { multiscale_anchor_generator { %s } }"


def verdict(problems: list[tuple[str, Problem]]) -> list[tuple[str, str]]:
    return [(code, problem.severity) for code, problem in problems]


def test_anchors_of_too_few_maps(config: Any, problems_of: ProblemsOf) -> None:
    found = problems_of(RULES, config, SSD % "anchor_generator { ssd_anchor_generator { num_layers: 5 } }")
    assert verdict(found) == [("CFG024", "error")]
    assert "5 feature maps" in found[0][1].message


def test_a_feature_pyramid_is_sound(config: Any, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, config, PYRAMID) == []


def test_anchors_of_too_few_levels(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, PYRAMID + LEVELS % "max_level: 6")
    assert (code, problem.severity, problem.fix) == ("CFG024", "error", "max_level: 7")
    assert "4 feature maps" in problem.message and "has 5" in problem.message


def test_anchors_of_other_levels(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, PYRAMID + LEVELS % "min_level: 2 max_level: 6")
    assert (code, problem.severity, problem.fix) == ("CFG024", "error", "min_level: 3, max_level: 7")
    assert problem.message == "the anchors begin with level 2, the feature maps with level 3"


def test_maps_that_are_not_counted(config: Any, problems_of: ProblemsOf) -> None:
    config.model.ssd.feature_extractor.type = "ssd_mobilenet_v2_mnasfpn"
    assert problems_of(RULES, config, LEVELS % "min_level: 3 max_level: 6") == []


def test_spaghettinet_has_five_maps(config: Any, problems_of: ProblemsOf) -> None:
    config.model.ssd.feature_extractor.type = "ssd_spaghettinet"
    assert problems_of(RULES, config, LEVELS % "min_level: 3 max_level: 7") == []
    ((code, problem),) = problems_of(RULES, config, LEVELS % "min_level: 3 max_level: 8")
    assert (code, problem.fix) == ("CFG024", "max_level: 7")


@pytest.mark.parametrize(
    ("extractor", "sound"), [("", False), ("pad_to_multiple: 32", True), ("use_explicit_padding: true", True)]
)
def test_image_size_of_a_pyramid(config: Any, problems_of: ProblemsOf, extractor: str, sound: bool) -> None:
    text = PYRAMID + SIZE % (300, 320) + SSD % f"feature_extractor {{ {extractor} }}"
    found = problems_of(RULES, config, text)
    assert verdict(found) == ([] if sound else [("CFG025", "error")])
    assert sound or "300 pixels gives feature maps of 38, 19, 10 cells" in found[0][1].message


@pytest.mark.parametrize(
    ("size", "single"), [((300, 300), 0), ((160, 160), 2), ((96, 128), 3), ((32, 32), 0)]
)
def test_maps_of_a_single_cell(
    config: Any, size: tuple[int, int], single: int, problems_of: ProblemsOf
) -> None:
    found = problems_of(RULES, config, SIZE % size)
    assert verdict(found) == [("CFG029", "warning")] * bool(single)
    assert not single or f"leave {single} of 6 feature maps a single cell" in found[0][1].message


@pytest.mark.parametrize(("size", "sound"), [(256, True), (300, False)])
def test_embedded_ssd_has_one_size(size: int, sound: bool, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["embedded_ssd_mobilenet_v1"], "c")
    found = problems_of(RULES, config, SIZE % (size, size))
    assert verdict(found) == ([] if sound else [("CFG029", "warning")])


@pytest.mark.parametrize(("side", "stride", "sound"), [(100, 16, False), (100, 8, True), (120, 16, True)])
def test_cells_of_the_first_stage(side: int, stride: int, sound: bool, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    config.model.faster_rcnn.image_resizer.keep_aspect_ratio_resizer.min_dimension = side
    config.model.faster_rcnn.feature_extractor.first_stage_features_stride = stride
    found = problems_of(RULES, config)
    assert verdict(found) == ([] if sound else [("CFG029", "warning")])
    assert sound or "100 pixels leave the first stage 7 cells" in found[0][1].message
