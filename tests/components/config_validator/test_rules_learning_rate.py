"""Rules about the height of the learning rate."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.learning_rate import active_schedule
from components.config_validator.rules_learning_rate import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

COSINE = (
    "train_config { batch_size: %d optimizer { momentum_optimizer { learning_rate { "
    "cosine_decay_learning_rate { learning_rate_base: %s warmup_learning_rate: 0 } } } } }"
)
RMS = (
    "train_config { batch_size: %d optimizer { rms_prop_optimizer { learning_rate { "
    "exponential_decay_learning_rate { initial_learning_rate: %s } } } } }"
)
ADAM = (
    "train_config { batch_size: %d optimizer { adam_optimizer { learning_rate { "
    "constant_learning_rate { learning_rate: %s } } } } }"
)


def follow(config: Any, problem: Problem) -> None:
    """Sets the rate that the answer advises."""
    advised = re.search(r"a rate (of|such as) (\S+?),?( |$)", problem.fix)
    schedule = active_schedule(config)
    assert advised is not None and schedule is not None
    schedule.scale(float(advised.group(2)))
    if not schedule.peak > 0:  # NaN and inf don't scale
        setattr(schedule.message, problem.field.rpartition(".")[2], float(advised.group(2)))


@pytest.mark.parametrize(
    ("text", "code", "severity", "message"),
    [
        (COSINE % (8, "0.08"), "CFG012", "warning", "reaches 0.08 with momentum_optimizer"),
        (COSINE % (8, "0"), "CFG012", "error", "learning rate is 0"),
        (COSINE % (8, "nan"), "CFG012", "error", "learning rate is nan"),
        (COSINE % (8, "inf"), "CFG012", "error", "learning rate is inf"),
        (COSINE % (8, "-0.01"), "CFG012", "error", "learning rate is -0.01"),
        (RMS % (24, "0.01"), "CFG012", "warning", "reaches 0.01 with rms_prop_optimizer"),
        (ADAM % (8, "0.01"), "CFG012", "warning", "reaches 0.01 with adam_optimizer"),
        (COSINE % (2, "0.08"), "CFG012", "warning", "reaches 0.08 with momentum_optimizer"),
        (COSINE % (2, "0.02"), "CFG046", "warning", "reaches 0.02 with batches of 2"),
    ],
)
def test_a_rate_out_of_reach_is_one_answer(
    config: Any, problems_of: ProblemsOf, text: str, code: str, severity: str, message: str
) -> None:
    problems = problems_of(RULES, config, text)
    assert [(c, p.severity) for c, p in problems] == [(code, severity)]
    assert message in problems[0][1].message
    assert problems[0][1].field.endswith("rate") or problems[0][1].field.endswith("learning_rate_base")
    follow(config, problems[0][1])
    assert problems_of(RULES, config) == []


@pytest.mark.parametrize(
    "text",
    [
        COSINE % (64, "0.03"),
        COSINE % (8, "0.02"),
        COSINE % (1, "0.002"),
        RMS % (1, "0.004"),
        RMS % (24, "0.006"),
        ADAM % (1, "0.001"),
        COSINE % (0, "0.01"),  # CFG011's
    ],
)
def test_usual_rates_have_no_answer(config: Any, problems_of: ProblemsOf, text: str) -> None:
    assert problems_of(RULES, config, text) == []


def test_faster_rcnn_bears_less_by_picture(config: Any, problems_of: ProblemsOf) -> None:
    config.model.faster_rcnn.num_classes = 4
    assert problems_of(RULES, config, COSINE % (1, "0.0003")) == []
    assert [c for c, _ in problems_of(RULES, config, COSINE % (1, "0.002"))] == ["CFG046"]


@pytest.fixture
def trained_with(config: Any) -> Callable[[str], CheckpointFacts]:
    """A checkpoint beside which lies the sound config with some text merged into it."""

    def facts(text: str) -> CheckpointFacts:
        from google.protobuf import text_format

        original = type(config)()
        original.CopyFrom(config)
        text_format.Merge(text, original)
        return CheckpointFacts("model.ckpt", "detection", 4, {}, original=original)

    return facts


@pytest.mark.parametrize(
    ("before", "now", "codes"),
    [
        (RMS % (24, "0.004"), RMS % (24, "0.004"), []),  # as upstream's pets after its coco
        (RMS % (24, "0.004"), RMS % (24, "0.0045"), ["CFG045"]),
        (RMS % (24, "0.004"), RMS % (48, "0.008"), []),  # the linear rule
        (RMS % (24, "0.004"), RMS % (4, "0.004"), ["CFG046"]),
        (RMS % (24, "0.004"), RMS % (4, "0.0006"), []),
        (COSINE % (64, "0.04"), COSINE % (8, "0.02"), ["CFG046"]),
        (COSINE % (64, "0.04"), COSINE % (8, "0.005"), []),
        (COSINE % (64, "0.04"), RMS % (8, "0.004"), []),  # rates of two optimizers don't compare
        (COSINE % (8, "0.001"), COSINE % (8, "0.08"), ["CFG012"]),
        (COSINE % (64, "0.004"), COSINE % (8, "0.005"), ["CFG045"]),
    ],
)
def test_a_rate_is_compared_with_the_original_training(
    config: Any,
    problems_of: ProblemsOf,
    trained_with: Callable[[str], CheckpointFacts],
    before: str,
    now: str,
    codes: list[str],
) -> None:
    problems = problems_of(RULES, config, now, checkpoint=trained_with(before))
    assert [code for code, _ in problems] == codes
    if codes:
        follow(config, problems[0][1])
        assert problems_of(RULES, config, checkpoint=trained_with(before)) == []
    if codes == ["CFG045"] and "rms_prop" in before:
        assert "in the original training 0.004 with batches of 24" in problems[0][1].message


def test_without_an_optimizer_there_is_nothing_to_say(config: Any, problems_of: ProblemsOf) -> None:
    config.train_config.ClearField("optimizer")
    assert problems_of(RULES, config) == []
