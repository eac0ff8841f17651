"""Rules about data augmentation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from components.config_validator.data_facts import DataFacts
from components.config_validator.rules_augmentation import RULES
from components.config_validator.subject import Problem
from detection.config.label_map import LabelMap, parse_label_map

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

STEP = "train_config { data_augmentation_options { %s } }"
FACTS = DataFacts(
    path="data",
    images=10,
    images_train=8,
    images_eval=2,
    boxes_by_class={"stop": 10, "yield": 10},
    box_sizes=((0.2, 0.2),) * 20,
    image_sizes=((800, 600),),
    boxes_of_densest=4,
    masks=False,
    keypoints=False,
    max_label_id=None,
)


def labels(*names: str) -> LabelMap:
    """A label map of these classes."""
    items = "".join(f'item {{ id: {i} name: "{name}" }}\n' for i, name in enumerate(names, 1))
    return parse_label_map(items, "labels")


def test_what_training_does_not_have_is_named_once(config: Any, problems_of: ProblemsOf) -> None:
    problems = problems_of(RULES, config, 2 * (STEP % "autoaugment_image { }") + STEP % "rgb_to_gray { }")
    assert [(c, p.severity, p.message) for c, p in problems] == [
        ("CFG016", "warning", "autoaugment_image is not applied"),
        ("CFG016", "warning", "rgb_to_gray is not applied"),
    ]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("turn_left", "turn_right", "stop"), "classes 'turn_left', 'turn_right'"),
        (("arrowLeft", "stop"), "class 'arrowLeft'"),
        (("LEFT shoe",), "class 'LEFT shoe'"),
        (("A", "B", "car"), "classes 'A', 'B'"),
        (("6", "9"), "classes '6', '9'"),
        (("digit_7", "sign"), "class 'digit_7'"),
        (("text",), "class 'text'"),
    ],
)
def test_a_flip_that_changes_the_class_is_said(
    config: Any, problems_of: ProblemsOf, names: tuple[str, ...], shown: str
) -> None:
    ((code, problem),) = problems_of(RULES, config, label_map=labels(*names))
    assert (code, problem.severity) == ("CFG055", "warning")
    assert problem.message == f"random_horizontal_flip with the {shown}"
    assert problem.field == "train_config.data_augmentation_options[0].random_horizontal_flip"


@pytest.mark.parametrize(
    "names",
    [
        ("stop", "yield", "speed_limit", "priority_road"),
        ("right of way", "bright", "leftover", "cleft"),
        ("x", "person"),  # one letter alone is a short name, not writing
        ("context", "textile", "upright", "cup", "laptop"),
        ("up", "down"),  # for a vertical flip only
    ],
)
def test_a_flip_of_other_classes_is_fine(
    config: Any, problems_of: ProblemsOf, names: tuple[str, ...]
) -> None:
    assert problems_of(RULES, config, label_map=labels(*names)) == []


def test_names_of_the_data_serve_where_there_is_no_label_map(config: Any, problems_of: ProblemsOf) -> None:
    facts = replace(FACTS, boxes_by_class={"left_hand": 3, "right_hand": 4})
    assert [c for c, _ in problems_of(RULES, config, data=facts)] == ["CFG055"]


def test_a_flip_that_is_off_or_absent_changes_nothing(config: Any, problems_of: ProblemsOf) -> None:
    names = labels("turn_left", "turn_right")
    config.train_config.data_augmentation_options[0].random_horizontal_flip.probability = 0.0
    assert problems_of(RULES, config, label_map=names) == []
    config.train_config.ClearField("data_augmentation_options")
    assert problems_of(RULES, config, label_map=names) == []


def test_a_vertical_flip_turns_other_classes(config: Any, problems_of: ProblemsOf) -> None:
    config.train_config.ClearField("data_augmentation_options")
    flip = STEP % "random_vertical_flip { }"
    ((code, problem),) = problems_of(
        RULES, config, flip, label_map=labels("arrow up", "arrow down", "turn left")
    )
    assert code == "CFG055" and "'arrow up', 'arrow down'" in problem.message
    assert "turn left" not in problem.message


def test_crops_of_tiny_objects_are_said(config: Any, problems_of: ProblemsOf) -> None:
    # 300x300: 0.04 of a side is 12 pixels
    tiny = replace(FACTS, box_sizes=((0.04, 0.04),) * 11 + ((0.5, 0.5),) * 9)
    ((code, problem),) = problems_of(RULES, config, data=tiny)
    assert (code, problem.severity) == ("CFG056", "warning")
    assert "below 12 pixels" in problem.message
    assert problem.field.endswith("[1].ssd_random_crop")
    mixed = replace(FACTS, box_sizes=((0.04, 0.04),) * 9 + ((0.5, 0.5),) * 11)
    assert problems_of(RULES, config, data=mixed) == []
    assert problems_of(RULES, config, data=replace(FACTS, box_sizes=())) == []


@pytest.mark.parametrize("height", [0, -1])
def test_an_impossible_input_size_is_left_to_its_own_rule(
    config: Any, problems_of: ProblemsOf, height: int
) -> None:
    size = f"model {{ ssd {{ image_resizer {{ fixed_shape_resizer {{ height: {height} }} }} }} }}"
    assert problems_of(RULES, config, size, data=replace(FACTS, box_sizes=((0.04, 0.04),))) == []


def test_larger_input_makes_larger_objects(config: Any, problems_of: ProblemsOf) -> None:
    tiny = replace(FACTS, box_sizes=((0.04, 0.04),))
    size = "model { ssd { image_resizer { fixed_shape_resizer { width: 640 height: 640 } } } }"
    assert problems_of(RULES, config, size, data=tiny) == []


def test_masks_that_the_data_lack_are_said(config: Any, problems_of: ProblemsOf) -> None:
    text = "train_input_reader { load_instance_masks: true } eval_config { eval_instance_masks: true }"
    problems = problems_of(RULES, config, text, data=FACTS)
    assert [(c, p.severity, p.field) for c, p in problems] == [
        ("CFG057", "warning", "train_input_reader.load_instance_masks"),
        ("CFG057", "warning", "eval_config.eval_instance_masks"),
    ]
    assert problems_of(RULES, config, data=replace(FACTS, masks=True)) == []
    assert problems_of(RULES, config, data=replace(FACTS, masks=None)) == []
    assert problems_of(RULES, config) == []


def test_keypoints_are_not_flipped(config: Any, problems_of: ProblemsOf) -> None:
    text = STEP % "random_vertical_flip { keypoint_flip_permutation: [1, 0] }"
    ((code, problem),) = problems_of(RULES, config, text)
    assert (code, problem.severity) == ("CFG057", "info")
    assert problem.field.endswith("[2].random_vertical_flip.keypoint_flip_permutation")
