"""Rules about the batches of a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.data_facts import DataFacts
from components.config_validator.rules_training import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

TRAIN = "train_config { batch_size: %d num_steps: %d }"


@pytest.mark.parametrize(("batch", "severity"), [(0, "error"), (65, "warning"), (1, ""), (64, "")])
def test_a_batch_must_fit_one_machine(
    config: Any, problems_of: ProblemsOf, batch: int, severity: str
) -> None:
    problems = problems_of(RULES, config, TRAIN % (batch, 400))
    assert [(c, p.severity) for c, p in problems] == ([("CFG011", severity)] if severity else [])


@pytest.mark.parametrize(
    ("batch", "steps", "split", "severity", "message"),
    [
        (8, 400, True, "", ""),
        (64, 400, True, "warning", "batch_size is 64, but there are 60 pictures"),
        (64, 400, False, "", ""),  # 80 in all; how many train is not known
        (64, 3, True, "warning", "batch_size is 64"),
        (8, 7, True, "warning", "7 steps of 8 pictures see 56 of 60"),
        (8, 7, False, "", ""),
        (8, 8, True, "", ""),
        (8, 5000, True, "info", "see each of 60 pictures 666 times"),
        (8, 5001, False, "info", "see each of 80 pictures 500 times"),
        (8, 0, True, "", ""),  # CFG013's
    ],
)
def test_batches_are_compared_with_the_data(
    config: Any, problems_of: ProblemsOf, batch: int, steps: int, split: bool, severity: str, message: str
) -> None:
    facts = DataFacts(
        path="data",
        images=80,
        images_train=60 if split else None,
        images_eval=20 if split else None,
        boxes_by_class={"stop": 100},
        box_sizes=(),
        image_sizes=(),
        boxes_of_densest=4,
        masks=None,
        keypoints=None,
        max_label_id=None,
    )
    problems = problems_of(RULES, config, TRAIN % (batch, steps), data=facts)
    assert [(c, p.severity) for c, p in problems] == ([("CFG053", severity)] if severity else [])
    assert all(message in p.message for _, p in problems)
