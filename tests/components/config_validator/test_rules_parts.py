"""The rule about the parts of the model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_parts import RULES
from components.config_validator.subject import Problem
from detection.config.pipeline_config import parse_pipeline_config
from tests.components.config_validator.facts import data
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

SSD = "model { ssd { %s } }"
FASTER_RCNN = "model { faster_rcnn { %s } }"
SIXTEEN = "context_config { context_feature_length: 16 }"


@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_what_has_a_native_model_is_sound(name: str, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, parse_pipeline_config(CONFIGS[name], name)) == []


@pytest.mark.parametrize(
    ("text", "severity", "message"),
    [
        ("matcher { bipartite_matcher { } }", "error", "matcher is bipartite_matcher"),
        ("box_coder { keypoint_box_coder { } }", "info", "box_coder is keypoint_box_coder"),
        ("box_predictor { rfcn_box_predictor { } }", "error", "box_predictor is rfcn_box_predictor"),
        ("anchor_generator { grid_anchor_generator { } }", "info", "anchor_generator is grid_anchor"),
    ],
)
def test_parts_of_ssd(config: Any, text: str, severity: str, message: str, problems_of: ProblemsOf) -> None:
    ((_, problem),) = problems_of(RULES, config, SSD % text)
    assert problem.severity == severity
    assert message in problem.message


def test_a_missing_part(config: Any, problems_of: ProblemsOf) -> None:
    config.model.ssd.ClearField("box_predictor")
    ((_, problem),) = problems_of(RULES, config)
    assert (problem.severity, problem.message) == ("error", "box_predictor is missing")


@pytest.mark.parametrize(
    ("text", "severity", "message"),
    [
        ("context_config { }", "info", "this is Context R-CNN"),
        ("number_of_stages: 1", "error", "number_of_stages is 1"),
        ("second_stage_box_predictor { rfcn_box_predictor { } }", "info", "this is R-FCN"),
        (
            "second_stage_box_predictor { mask_rcnn_box_predictor { predict_instance_masks: true } }",
            "info",
            "this is Mask R-CNN",
        ),
        ("second_stage_box_predictor { convolutional_box_predictor { } }", "error", "second_stage_box_pred"),
        ("feature_extractor { type: 'faster_rcnn_nas' }", "error", "faster_rcnn_nas with images that keep"),
    ],
)
def test_parts_of_faster_rcnn(text: str, severity: str, message: str, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    ((_, problem),) = problems_of(RULES, config, FASTER_RCNN % text)
    assert problem.severity == severity
    assert message in problem.message


@pytest.mark.parametrize(
    ("text", "lengths", "severity", "message"),
    [
        (SIXTEEN, (16,), "info", "this is Context R-CNN, which has no native model"),
        (SIXTEEN, (0, 16), "info", "this is Context R-CNN, which has no native model"),
        (SIXTEEN, None, "info", "this is Context R-CNN, which has no native model"),
        (SIXTEEN, (), "error", "no image of the data has context features"),
        (SIXTEEN, (8, 16, 20), "error", "context_feature_length is 16, and the data have rows of 8, 20"),
        ("context_config { }", (16,), "error", "context_feature_length is 2057, and the data have rows of"),
        (SIXTEEN + " second_stage_box_predictor { rfcn_box_predictor { } }", (), "info", "this is R-FCN"),
    ],
)
def test_a_context_rcnn_needs_data_with_context(
    text: str, lengths: tuple[int, ...] | None, severity: str, message: str, problems_of: ProblemsOf
) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    ((_, problem),) = problems_of(RULES, config, FASTER_RCNN % text, data=data(context_lengths=lengths))
    assert problem.severity == severity
    assert message in problem.message


def test_an_architecture_of_another_rule_is_left_to_it(config: Any, problems_of: ProblemsOf) -> None:
    text = "feature_extractor { type: 'ssd_mobilenet_v9' } matcher { bipartite_matcher { } }"
    assert problems_of(RULES, config, SSD % text) == []
