"""Rules about label maps, examples and paths."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_data import RULES
from components.config_validator.subject import Problem
from components.example_gen.labels import class_of
from components.example_gen.records import BoxRecord
from detection.config.label_map import LabelMap, parse_label_map
from tests.components.config_validator.facts import checkpoint, data

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

PLACEHOLDERS = """
train_config { fine_tune_checkpoint: "PATH_TO_BE_CONFIGURED/model.ckpt" }
train_input_reader {
  label_map_path: "label_map.pbtxt"
  tf_record_input_reader { input_path: "PATH_TO_BE_CONFIGURED/train.record" }
}
eval_input_reader { label_map_path: "PATH_TO_BE_CONFIGURED/map.pbtxt" }
"""


def test_placeholders_are_removed(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, PLACEHOLDERS)
    assert (code, problem.severity) == ("CFG010", "warning")
    assert "3 field(s)" in problem.message
    assert [(change.field, change.value) for change in problem.changes] == [
        ("train_config.fine_tune_checkpoint", None),
        ("train_input_reader.tf_record_input_reader.input_path", None),
        ("eval_input_reader.label_map_path", None),
    ]


def test_two_label_maps_are_said(config: Any, problems_of: ProblemsOf) -> None:
    text = "train_input_reader { label_map_path: 'a.pbtxt' } eval_input_reader { label_map_path: 'b.pbtxt' }"
    ((code, problem),) = problems_of(RULES, config, text)
    assert (code, problem.severity) == ("CFG021", "warning")
    assert "a.pbtxt, b.pbtxt" in problem.message


def test_gaps_in_the_ids_are_said(config: Any, problems_of: ProblemsOf) -> None:
    labels = parse_label_map("item { id: 1 name: 'a' } item { id: 4 name: 'b' }", "l")
    facts = {"label_map": labels, "label_map_path": "l.pbtxt"}
    ((code, problem),) = problems_of(RULES, config, **facts)
    assert (code, problem.severity, problem.place) == ("CFG020", "warning", "l.pbtxt")
    assert problem.message == "the label map has no class for 2 of its ids: 2, 3"
    kept = checkpoint(num_classes=4)  # COCO's ids have such gaps, and so has its class head
    assert problems_of(RULES, config, checkpoint=kept, **facts) == []


def test_classes_of_the_examples(config: Any, label_map: LabelMap, problems_of: ProblemsOf) -> None:
    boxes = data({"Stop": 3, "yield": 5, "priority_road": 1, "tree": 2})
    found = problems_of(RULES, config, label_map=label_map, data=boxes)
    assert [(code, problem.severity) for code, problem in found] == [
        ("CFG022", "error"),
        ("CFG022", "error"),
        ("CFG023", "warning"),  # not of "stop", which is only misspelt
    ]
    assert found[0][1].message == "3 boxes are of class 'Stop', which is not in the label map"
    assert found[0][1].fix == "rename it to 'stop', or set data.fix_case: true"
    assert found[1][1].fix == "add it to label map"
    assert found[2][1].message == "no box is of class 'speed_limit' (id 3)"
    assert {problem.place for _, problem in found} == {"data"}


@pytest.mark.parametrize(("lost", "severity"), [(5, "warning"), (6, "error")])
def test_a_few_boxes_of_an_unknown_class_are_set_aside(
    config: Any, label_map: LabelMap, lost: int, severity: str, problems_of: ProblemsOf
) -> None:
    boxes = dict.fromkeys(label_map.names, 10) | {"stop": 70 - lost, "tree": lost}
    ((code, problem),) = problems_of(RULES, config, label_map=label_map, data=data(boxes))
    assert (code, problem.severity) == ("CFG022", severity)


def test_case_that_is_fixed_is_no_problem(config: Any, label_map: LabelMap, problems_of: ProblemsOf) -> None:
    boxes = data({name.upper(): 2 for name in label_map.names}, fix_case=True)
    assert problems_of(RULES, config, label_map=label_map, data=boxes) == []


def test_what_example_gen_takes_for_a_class_is_no_problem(config: Any, problems_of: ProblemsOf) -> None:
    labels = parse_label_map("item { id: 1 name: 'caf\u00e9' } item { id: 2 name: 'Stra\u00dfe' }", "l")
    boxes = {" Cafe\u0301": 2, "STRASSE": 3}
    for name in boxes:
        assert class_of(BoxRecord("object 1", name, 0, 0, 1, 1), labels, True, []) in (1, 2)
    found = problems_of(RULES, config, label_map=labels, data=data(boxes, fix_case=True))
    assert [problem.message for code, problem in found if code in ("CFG022", "CFG023")] == []


def test_classes_that_the_data_name_by_id(config: Any, label_map: LabelMap, problems_of: ProblemsOf) -> None:
    found = problems_of(RULES, config, label_map=label_map, data=data(boxes_by_id={1: 2, 2: 1, 4: 8}))
    assert [(code, problem.message) for code, problem in found] == [
        ("CFG023", "no box is of class 'speed_limit' (id 3)")
    ]


def test_a_very_high_id_takes_no_time(config: Any, problems_of: ProblemsOf) -> None:
    labels = parse_label_map("item { id: 1 name: 'a' } item { id: 2147483647 name: 'b' }", "l")
    ((_, problem),) = problems_of(RULES, config, label_map=labels)
    assert problem.message.endswith("for 2147483645 of its ids: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...")


def test_a_very_long_name_takes_no_time(config: Any, label_map: LabelMap, problems_of: ProblemsOf) -> None:
    boxes = data(dict.fromkeys(label_map.names, 9) | {"x" * 1_000_000: 1})
    ((_, problem),) = problems_of(RULES, config, label_map=label_map, data=boxes)
    assert len(problem.message) < 300
