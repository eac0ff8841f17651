"""Rules about eval_config, and limits against the densest picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.data_facts import DataFacts
from components.config_validator.rules_evaluation import BOXES_IN_TRAINING, RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

NMS = "model.ssd.post_processing.batch_non_max_suppression"


def facts(densest: int = 4, images: int = 40, images_eval: int | None = 10) -> DataFacts:
    """Facts of a data set of pictures with up to `densest` boxes."""
    return DataFacts(
        path="data",
        images=images,
        images_train=None if images_eval is None else images - images_eval,
        images_eval=images_eval,
        boxes_by_class={"stop": 100},
        box_sizes=((0.2, 0.2),),
        image_sizes=(),
        boxes_of_densest=densest,
        masks=None,
        keypoints=None,
        max_label_id=None,
    )


def test_the_densest_picture_must_fit_the_output(config: Any, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, config, data=facts(densest=100)) == []
    config.model.ssd.post_processing.batch_non_max_suppression.max_total_detections = 20
    ((code, problem),) = problems_of(RULES, config, data=facts(densest=21))
    assert (code, problem.severity, problem.field) == ("CFG058", "warning", f"{NMS}.max_total_detections")
    assert "is 20, but a picture has 21 objects" in problem.message
    assert problems_of(RULES, config) == []


def test_the_densest_picture_must_fit_training_and_metrics(config: Any, problems_of: ProblemsOf) -> None:
    config.model.ssd.post_processing.batch_non_max_suppression.max_total_detections = 300
    ((code, problem),) = problems_of(RULES, config, data=facts(densest=101))
    assert (code, problem.field) == ("CFG058", "train_config.max_number_of_boxes")


def test_training_and_metrics_take_what_the_rule_says() -> None:
    from components.evaluator import metrics
    from components.trainer.dataset import MAX_BOXES

    assert MAX_BOXES == BOXES_IN_TRAINING
    assert metrics._MOST_DETECTIONS[-1] == BOXES_IN_TRAINING


@pytest.mark.parametrize(("stages", "codes"), [(2, ["CFG058"]), (1, [])])
def test_faster_rcnn_has_its_limit_in_the_second_stage(
    config: Any, problems_of: ProblemsOf, stages: int, codes: list[str]
) -> None:
    config.model.faster_rcnn.number_of_stages = stages
    processing = config.model.faster_rcnn.second_stage_post_processing
    processing.batch_non_max_suppression.max_total_detections = 20
    assert [c for c, _ in problems_of(RULES, config, data=facts(densest=30))] == codes


@pytest.mark.parametrize(
    ("name", "severity", "fix"),
    [
        ("coco_metrics", "warning", "coco_detection_metrics"),
        ("open_images_V2_detection_metrics", "warning", "oid_V2_detection_metrics"),
        ("coco_detection_metric", "warning", "coco_detection_metrics"),
        ("mAP", "warning", "coco_detection_metrics"),
        ("pascal_voc_detection_metrics", "info", ""),
        ("coco_mask_metrics", "info", ""),
    ],
)
def test_metrics_that_are_not_computed_are_said(
    config: Any, problems_of: ProblemsOf, name: str, severity: str, fix: str
) -> None:
    ((code, problem),) = problems_of(RULES, config, f'eval_config {{ metrics_set: "{name}" }}')
    assert (code, problem.severity) == ("CFG059", severity)
    assert name in problem.message and fix in problem.fix


def test_num_examples_is_compared_with_the_data(config: Any, problems_of: ProblemsOf) -> None:
    text = "eval_config { num_examples: 8000 }"
    ((code, problem),) = problems_of(RULES, config, text, data=facts())
    assert (code, problem.severity) == ("CFG060", "info")
    assert [(c.field, c.value) for c in problem.changes] == [("eval_config.num_examples", 10)]
    config.eval_config.num_examples = 10
    assert problems_of(RULES, config, data=facts()) == []
    assert problems_of(RULES, config) == []


def test_without_a_split_only_too_many_examples_are_known_to_be_wrong(
    config: Any, problems_of: ProblemsOf
) -> None:
    config.eval_config.num_examples = 41
    ((code, problem),) = problems_of(RULES, config, data=facts(images_eval=None))
    assert code == "CFG060" and problem.changes == ()
    config.eval_config.num_examples = 12
    assert problems_of(RULES, config, data=facts(images_eval=None)) == []


def test_the_evaluation_loop_is_named_in_one_answer(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, "eval_config { max_evals: 10 eval_interval_secs: 60 }")
    assert (code, problem.severity) == ("CFG061", "info")
    assert "eval_interval_secs" in problem.message and "max_evals" in problem.message
