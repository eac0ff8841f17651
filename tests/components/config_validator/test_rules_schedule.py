"""Rules about how long to train and what the rate does meanwhile: each is broken once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_schedule import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

RATE = "train_config { %s optimizer { momentum_optimizer { learning_rate { %s } } } }"
COSINE = RATE % ("", "cosine_decay_learning_rate { %s }")
MANUAL = RATE % ("", "manual_step_learning_rate { initial_learning_rate: 0.005 %s }")
EXPONENTIAL = RATE % ("", "exponential_decay_learning_rate { initial_learning_rate: 0.005 %s }")
STEPS = "train_config { num_steps: %d }"

# text merged into the sound config of 400 steps; code, severity, parts of message and of field
BROKEN = [
    (STEPS % 0, "CFG013", "warning", "num_steps is not set", "num_steps"),
    (STEPS % 200_000 + COSINE % "total_steps: 200000", "CFG013", "warning", "is 200000", "num_steps"),
    (COSINE % "warmup_steps: 400", "CFG014", "error", "400 of 400 steps", "warmup_steps"),
    (COSINE % "hold_base_rate_steps: 380", "CFG014", "error", "420 of 400 steps", "warmup_steps"),
    (COSINE % "warmup_learning_rate: 0.015", "CFG014", "error", "warmup starts at 0.015", "warmup_learning"),
    (MANUAL % "", "CFG014", "error", "has no schedule", "manual_step_learning_rate"),
    (MANUAL % "schedule { step: 20 } schedule { step: 10 }", "CFG014", "error", "[20, 10]", "schedule"),
    (MANUAL % "schedule { step: 0 }", "CFG014", "error", "[0]", "schedule"),
    (MANUAL % "schedule { step: 900 }", "CFG014", "info", "first changes at step 900", "schedule"),
    (COSINE % "warmup_steps: 300", "CFG047", "warning", "takes 300 of 400 steps", "warmup_steps"),
    (
        MANUAL % "warmup: true schedule { step: 500 learning_rate: 0.006 }",
        "CFG047",
        "warning",
        "takes 500 of 400",
        "schedule",
    ),
    (
        EXPONENTIAL % "decay_steps: 20 burnin_steps: 380 burnin_learning_rate: 0.001",
        "CFG047",
        "warning",
        "takes 380 of 400",
        "burnin_steps",
    ),
    (
        COSINE % "warmup_steps: 0 learning_rate_base: 0.015",
        "CFG047",
        "warning",
        "at once with a rate of 0.015",
        "warmup_steps",
    ),
    (
        MANUAL % "schedule { step: 300 learning_rate: 0 }",
        "CFG064",
        "warning",
        "from step 300 of 400",
        "schedule",
    ),
    (EXPONENTIAL % "decay_steps: 0", "CFG064", "error", "decay_steps is 0", "decay_steps"),
    (
        EXPONENTIAL % "decay_steps: 20 decay_factor: -0.5",
        "CFG064",
        "error",
        "decay_factor is -0.5",
        "decay_f",
    ),
    (
        EXPONENTIAL % "decay_steps: 20 decay_factor: 1.1",
        "CFG064",
        "warning",
        "decay_factor is 1.1",
        "decay_f",
    ),
    (EXPONENTIAL % "decay_steps: 800", "CFG064", "info", "first decays at step 800", "decay_steps"),
    (
        EXPONENTIAL % "decay_steps: 20 decay_factor: 0.4",
        "CFG064",
        "warning",
        "at step 200 of 400",
        "decay_st",
    ),
]

SOUND = [
    "",
    STEPS % 2000 + COSINE % "total_steps: 2000",
    MANUAL % "schedule { step: 200 learning_rate: 0.001 }",
    MANUAL % "warmup: true schedule { step: 100 learning_rate: 0.02 }",
    EXPONENTIAL % "decay_steps: 20",
    EXPONENTIAL % "decay_steps: 20 decay_factor: 0.4 min_learning_rate: 0.001",
    EXPONENTIAL % "decay_steps: 100 decay_factor: 0.5 staircase: false",
    RATE % ("", "constant_learning_rate { learning_rate: 0.01 }"),
    COSINE % "warmup_steps: 0 learning_rate_base: 0.08",  # CFG012's
]


@pytest.mark.parametrize(("text", "code", "severity", "message", "field"), BROKEN)
def test_one_broken_rule_is_one_answer(
    config: Any, problems_of: ProblemsOf, text: str, code: str, severity: str, message: str, field: str
) -> None:
    problems = problems_of(RULES, config, text)
    assert [(c, p.severity) for c, p in problems] == [(code, severity)]
    assert message in problems[0][1].message
    assert field in problems[0][1].field
    assert not problems[0][1].changes


@pytest.mark.parametrize("text", SOUND)
def test_a_sound_schedule_has_no_answer(config: Any, problems_of: ProblemsOf, text: str) -> None:
    assert problems_of(RULES, config, text) == []


@pytest.mark.parametrize(("total_steps", "severity"), [(300, "error"), (5000, "warning")])
def test_a_cosine_of_another_length_is_fitted(
    config: Any, problems_of: ProblemsOf, total_steps: int, severity: str
) -> None:
    ((code, problem),) = problems_of(RULES, config, COSINE % f"total_steps: {total_steps}")
    assert (code, problem.severity) == ("CFG014", severity)
    (change,) = problem.changes
    assert change.field.endswith("cosine_decay_learning_rate.total_steps") and change.value == 400


@pytest.mark.parametrize(
    ("text", "usable"),
    [
        (MANUAL % "", False),
        (MANUAL % "schedule { step: 20 } schedule { step: 10 }", False),
        (MANUAL % "schedule { step: 0 }", False),
        (COSINE % "warmup_learning_rate: 0.015", False),
        (COSINE % "total_steps: 300", False),
        (EXPONENTIAL % "decay_steps: 0", False),
        (EXPONENTIAL % "decay_steps: 20 decay_factor: -0.5", False),
        *((text, True) for text in SOUND if "num_steps" not in text),
    ],
)
def test_errors_are_what_the_trainer_can_not_use(
    config: Any, problems_of: ProblemsOf, text: str, usable: bool
) -> None:
    import tensorflow as tf

    from components.trainer.options import TrainOptions
    from components.trainer.schedule import build_schedule
    from detection.errors import BadInput

    errors = [p for _, p in problems_of(RULES, config, text) if p.severity == "error"]
    assert bool(errors) == (not usable)
    try:
        schedule = build_schedule(config.train_config.optimizer, TrainOptions(), 400)
    except BadInput:
        assert not usable
        return
    rates = [float(schedule(tf.constant(step, tf.int64))) for step in range(1, 400, 7)]
    assert all(rate > 0 for rate in rates) == usable  # NaN too


def test_a_cosine_that_would_not_fit_is_left_to_a_person(config: Any, problems_of: ProblemsOf) -> None:
    problems = problems_of(RULES, config, COSINE % "total_steps: 5000 warmup_steps: 400")
    assert [(c, p.severity, p.changes) for c, p in problems] == [
        ("CFG014", "warning", ()),
        ("CFG047", "warning", ()),
    ]


def test_a_run_must_know_its_steps(config: Any, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, config, STEPS % 0, is_final=True)
    assert (code, problem.severity) == ("CFG013", "error")


def test_without_an_optimizer_only_the_steps_are_judged(config: Any, problems_of: ProblemsOf) -> None:
    config.train_config.ClearField("optimizer")
    assert problems_of(RULES, config) == []
    assert [code for code, _ in problems_of(RULES, config, STEPS % 0)] == ["CFG013"]
