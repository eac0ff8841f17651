"""Rules about num_classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_classes import RULES
from components.config_validator.subject import Problem
from detection.config.label_map import LabelMap, parse_label_map
from tests.components.config_validator.facts import checkpoint, data

ProblemsOf = Callable[..., list[tuple[str, Problem]]]


def test_the_demo_is_sound(config: Any, label_map: LabelMap, problems_of: ProblemsOf) -> None:
    facts = {"data": data(dict.fromkeys(label_map.names, 9)), "checkpoint": checkpoint(num_classes=4)}
    assert problems_of(RULES, config, label_map=label_map, **facts) == []
    assert problems_of(RULES, config, **facts) == []


def test_num_classes_must_be_set(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, "model { ssd { num_classes: 0 } }")
    assert (code, problem.severity, problem.message) == ("CFG001", "error", "num_classes is not set")


def test_num_classes_follows_the_label_map_safely(config: Any, problems_of: ProblemsOf) -> None:
    labels = parse_label_map("item { id: 1 name: 'a' } item { id: 2 name: 'b' }", "l")
    ((code, problem),) = problems_of(RULES, config, label_map=labels)
    assert (code, problem.severity) == ("CFG001", "error")
    assert problem.message == "num_classes is 4, but the highest id of the label map is 2"
    assert [(c.field, c.value) for c in problem.changes] == [("model.ssd.num_classes", 2)]
    config.model.ssd.num_classes = 2
    assert problems_of(RULES, config, label_map=labels) == []


def test_another_class_count_in_the_checkpoint_is_said(
    config: Any, label_map: LabelMap, problems_of: ProblemsOf
) -> None:
    facts = {"label_map": label_map, "checkpoint": checkpoint(num_classes=1)}
    ((code, problem),) = problems_of(RULES, config, **facts)
    assert (code, problem.severity) == ("CFG002", "info")
    assert problem.message == "the checkpoint has 1 class, the new model 4"


def test_more_classes_in_the_data_than_columns(config: Any, problems_of: ProblemsOf) -> None:
    found = problems_of(RULES, config, data=data(dict.fromkeys("abcde", 1)))
    ((code, problem),) = found
    assert (code, problem.severity) == ("CFG031", "warning")
    assert problem.message == "num_classes is 4, but the data have 5 classes: a, b, c, d, e"
    assert problems_of(RULES, config, data=data(dict.fromkeys("abcd", 1))) == []


@pytest.mark.parametrize(("lost", "severity"), [(1, "warning"), (50, "error")])
@pytest.mark.parametrize("with_map", [True, False])
def test_ids_beyond_the_classes(
    config: Any, label_map: LabelMap, lost: int, severity: str, with_map: bool, problems_of: ProblemsOf
) -> None:
    boxes = data(boxes_by_id={1: 40, 4: 60, 5: lost})
    ((code, problem),) = problems_of(RULES, config, data=boxes, label_map=label_map if with_map else None)
    assert (code, problem.severity) == ("CFG035", severity)
    boxes_have = "1 box has" if lost == 1 else f"{lost} boxes have"
    assert problem.message == f"{boxes_have} an id that is not among the classes: 5"
    assert problem.place == ("data" if with_map else "")


def test_very_many_classes_take_no_time(config: Any, problems_of: ProblemsOf) -> None:
    text = "model { ssd { num_classes: 2147483647 } }"
    assert problems_of(RULES, config, text, data=data(boxes_by_id={1: 40})) == []


def test_ids_beside_names_do_not_count(config: Any, label_map: LabelMap, problems_of: ProblemsOf) -> None:
    boxes = data({"stop": 3}, max_label_id=90)  # as COCO numbers its categories
    assert problems_of(RULES, config, data=boxes, label_map=label_map) == []
