"""Rules about the second stage."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.config_validator.rules_two_stage import RULES
from components.config_validator.subject import Problem
from detection.config.pipeline_config import parse_pipeline_config
from tests.components.config_validator.facts import data
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

TWO_STAGES = sorted(name for name in CONFIGS if name.startswith("faster_rcnn"))
RFCN = "second_stage_box_predictor { rfcn_box_predictor { crop_height: 18 crop_width: %s } }"


@pytest.mark.parametrize("name", TWO_STAGES)
def test_sound_models(name: str, problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS[name], name)
    config.model.faster_rcnn.second_stage_batch_size = 12
    assert problems_of(RULES, config, data=data(boxes_of_densest=12)) == []


@pytest.mark.parametrize(
    ("text", "verdict", "message"),
    [
        ("first_stage_max_proposals: 0", ("CFG032", "error"), "first_stage_max_proposals is 0"),
        ("second_stage_batch_size: 0", ("CFG032", "error"), "second_stage_batch_size is 0"),
        ("second_stage_batch_size: 31", ("CFG032", "warning"), "is 31, but there are 30 proposals"),
        ("second_stage_balance_fraction: 0", ("CFG032", "error"), "second_stage_balance_fraction is 0"),
        ("first_stage_positive_balance_fraction: 1.5", ("CFG032", "error"), "balance_fraction is 1.5"),
        ("initial_crop_size: 0", ("CFG037", "error"), "initial_crop_size is not set"),
        ("maxpool_kernel_size: 0 maxpool_stride: 0", ("CFG037", "error"), "maxpool_kernel_size, maxpool_st"),
        ("maxpool_kernel_size: 15", ("CFG037", "error"), "15, above initial_crop_size, 14"),
        (RFCN % 10, ("CFG037", "error"), "crop_width is 10, which 3 bins do not divide"),
        (RFCN % 18 + "initial_crop_size: 0", None, ""),
    ],
)
def test_one_fault_is_one_problem(
    text: str, verdict: tuple[str, str] | None, message: str, problems_of: ProblemsOf
) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    found = problems_of(RULES, config, f"model {{ faster_rcnn {{ {text} }} }}")
    assert [(code, problem.severity) for code, problem in found] == ([verdict] if verdict else [])
    assert all(message in problem.message for _, problem in found)


def test_fewer_proposals_than_objects(problems_of: ProblemsOf) -> None:
    config = parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"], "c")
    ((code, problem),) = problems_of(RULES, config, data=data(boxes_of_densest=31))
    assert (code, problem.severity) == ("CFG032", "warning")
    assert problem.message == "first_stage_max_proposals is 30, but an image has 31 boxes"
