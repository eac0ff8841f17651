"""Rules about anchors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from components.config_validator.data_facts import DataFacts
from components.config_validator.rules_anchors import RULES
from components.config_validator.subject import Problem
from detection.config.pipeline_config import parse_pipeline_config
from tests.components.config_validator.facts import data
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

SSD = "model { ssd { anchor_generator { ssd_anchor_generator { %s } } } }"
MULTISCALE = "model { ssd { anchor_generator { multiscale_anchor_generator { %s } } } }"
GRID = "model { faster_rcnn { first_stage_anchor_generator { grid_anchor_generator { %s } } } }"


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_sound_models(name: str, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, parse_pipeline_config(CONFIGS[name], name)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("min_scale: 0.95 max_scale: 0.2", "min_scale is 0.95, max_scale 0.2"),
        ("min_scale: 0.5 max_scale: 0.5", "min_scale is 0.5, max_scale 0.5"),
        ("min_scale: 0", "min_scale is 0"),
        ("min_scale: nan", "min_scale is nan"),
        ("aspect_ratios: 0", "aspect_ratios is 0"),
        ("aspect_ratios: -2", "aspect_ratios is -2"),
        ("base_anchor_height: 0", "base_anchor_height is 0"),
        ("scales: [0.1, 0.2]", "scales has 2 values for 6 feature maps"),
        ("height_stride: [16, 32]", "height_stride has 2 values for 6 feature maps"),
    ],
)
def test_impossible_anchors_of_ssd(text: str, message: str, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v2"], "c")
    ((code, problem),) = problems_of(RULES, config, SSD % text)
    assert (code, problem.severity, problem.message) == ("CFG038", "error", message)


def test_scales_take_the_place_of_min_and_max(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v2"], "c")
    text = SSD % "min_scale: 0.9 max_scale: 0.2 scales: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]"
    assert problems_of(RULES, config, text) == []


def test_a_map_without_anchors(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v2"], "c")
    del config.model.ssd.anchor_generator.ssd_anchor_generator.aspect_ratios[:]
    assert problems_of(RULES, config) == []  # one of the interpolated scale is left
    ((_, problem),) = problems_of(RULES, config, SSD % "interpolated_scale_aspect_ratio: 0")
    assert (problem.severity, problem.message) == ("error", "aspect_ratios is missing")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("anchor_scale: 0", "anchor_scale is 0"),
        ("scales_per_octave: 0", "scales_per_octave is 0"),
        ("min_level: 8", "min_level is 8, max_level 7"),
    ],
)
def test_impossible_anchors_of_a_pyramid(text: str, message: str, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v2_fpn"], "c")
    ((code, problem),) = problems_of(RULES, config, MULTISCALE % text)
    assert (code, problem.severity, problem.message) == ("CFG038", "error", message)


@pytest.mark.parametrize(
    ("text", "severity", "message"),
    [
        ("scales: 0", "error", "scales is 0"),
        ("height: 0", "error", "height is 0"),
        ("height_stride: 8", "warning", "height_stride is 8, but a cell of the first stage has 16 pixels"),
    ],
)
def test_impossible_anchors_of_the_first_stage(
    text: str, severity: str, message: str, problems_of: ProblemsOf
) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    ((code, problem),) = problems_of(RULES, config, GRID % text)
    assert (code, problem.severity, problem.message) == ("CFG038", severity, message)


def of_size(width: float, height: float, **fields: Any) -> DataFacts:
    """A hundred boxes of one size, everywhere in the image."""
    centers = np.random.default_rng(0).uniform(0.3, 0.7, (100, 2))
    return data(box_sizes=((width, height),) * 100, box_centers=tuple(map(tuple, centers.tolist())), **fields)


@pytest.mark.parametrize(
    ("width", "height", "fix"),
    [
        (0.3, 0.3, None),
        (0.02, 0.02, "take a detector with finer feature maps"),
        (0.06, 0.9, "give the anchors scales and aspect ratios"),
    ],
)
def test_boxes_without_an_anchor(
    config: Any, width: float, height: float, fix: str | None, problems_of: ProblemsOf
) -> None:
    found = problems_of(RULES, config, data=of_size(width, height))
    assert [(code, problem.severity) for code, problem in found] == ([("CFG028", "warning")] if fix else [])
    for _, problem in found:
        assert problem.message == "no anchor overlaps 100% of the boxes by half (IoU 0.5)"
        assert problem.field == "model.ssd.anchor_generator"
        assert problem.fix.startswith(fix or "")
        assert f"they are {width * 300:.0f}x{height * 300:.0f} pixels in the median" in problem.reason


def test_boxes_that_are_never_learned(config: Any, problems_of: ProblemsOf) -> None:
    text = "model { ssd { matcher { argmax_matcher { force_match_for_each_row: false } } } }"
    ((_, problem),) = problems_of(RULES, config, text, data=of_size(0.02, 0.02))
    assert problem.reason.startswith("such a box is never learned")


def test_boxes_without_an_anchor_in_the_first_stage(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    found = problems_of(RULES, config, data=of_size(0.02, 0.02, image_sizes=((800, 600),)))
    assert [code for code, _ in found] == ["CFG028"]
    assert "they are 3x2 pixels" in found[0][1].reason  # of 160x120
    assert problems_of(RULES, config, data=of_size(0.02, 0.02)) == []  # images of unknown shape


def test_a_few_boxes_say_nothing(config: Any, problems_of: ProblemsOf) -> None:
    few = data(box_sizes=((0.02, 0.02),) * 19, box_centers=((0.5, 0.5),) * 19)
    assert problems_of(RULES, config, data=few) == []
