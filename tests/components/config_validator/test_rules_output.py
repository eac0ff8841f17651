"""Rules about scores, non-maximum suppression and quantisation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.rules_output import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

PROCESSING = "model { ssd { post_processing { %s } } }"
NMS = PROCESSING % "batch_non_max_suppression { %s }"


@pytest.mark.parametrize(
    ("text", "code", "severity", "message"),
    [
        (PROCESSING % "score_converter: SOFTMAX", "CFG007", "warning", "score_converter is SOFTMAX"),
        (NMS % "iou_threshold: 1.5", "CFG008", "error", "iou_threshold is 1.5"),
        (NMS % "iou_threshold: 0", "CFG008", "error", "iou_threshold is 0"),
        (NMS % "iou_threshold: 1.0", "CFG008", "warning", "iou_threshold is 1"),
        (NMS % "max_detections_per_class: 0", "CFG008", "error", "no detections are allowed"),
        (NMS % "max_total_detections: 20", "CFG008", "error", "max_detections_per_class is 100"),
        (NMS % "score_threshold: 0.3", "CFG008", "warning", "score_threshold is 0.3"),
        ("graph_rewriter { quantization { delay: 100 } }", "CFG009", "info", "quantisation-aware"),
    ],
)
def test_one_broken_rule_is_one_answer(
    config: Any, problems_of: ProblemsOf, text: str, code: str, severity: str, message: str
) -> None:
    problems = problems_of(RULES, config, text)
    assert [(c, p.severity) for c, p in problems] == [(code, severity)]
    assert message in problems[0][1].message


@pytest.mark.parametrize("text", ["", NMS % "score_threshold: 0.05", NMS % "iou_threshold: 0.9"])
def test_a_sound_config_has_no_answer(config: Any, problems_of: ProblemsOf, text: str) -> None:
    assert problems_of(RULES, config, text) == []


def test_ranges_in_the_checkpoint_are_said_to_be_dropped(config: Any, problems_of: ProblemsOf) -> None:
    facts = CheckpointFacts("model.ckpt", "detection", 4, {}, quantised=True)
    ((code, problem),) = problems_of(RULES, config, checkpoint=facts)
    assert (code, problem.severity) == ("CFG009", "info")
    graph_rewriter = "graph_rewriter { quantization { delay: 100 } }"
    assert len(problems_of(RULES, config, graph_rewriter, checkpoint=facts)) == 1


def test_faster_rcnn_is_judged_by_its_second_stage(config: Any, problems_of: ProblemsOf) -> None:
    text = (
        "model { faster_rcnn { second_stage_post_processing { "
        "batch_non_max_suppression { max_detections_per_class: 300 max_total_detections: 100 } } } }"
    )
    ((code, problem),) = problems_of(RULES, config, text)
    assert (code, problem.severity) == ("CFG008", "error")
    assert problem.field.startswith("model.faster_rcnn.second_stage_post_processing.")
    config.model.faster_rcnn.number_of_stages = 1
    assert problems_of(RULES, config) == []
