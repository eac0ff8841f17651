"""Rules about the optimizer: each is broken once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.rules_optimizer import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

OPTIMIZER = "train_config { optimizer { %s } }"
MOMENTUM = OPTIMIZER % "momentum_optimizer { %s }"
LEARNING_RATE = "learning_rate { constant_learning_rate { learning_rate: %s } }"
RMS = OPTIMIZER % ("rms_prop_optimizer { " + LEARNING_RATE % "0.004" + " %s }")
ADAM = OPTIMIZER % ("adam_optimizer { " + LEARNING_RATE % "0.0002" + " %s }")
NOT_CLIPPED = "train_config { gradient_clipping_by_norm: %s }"
BASE_RATE = MOMENTUM % "learning_rate { cosine_decay_learning_rate { learning_rate_base: %s } }"

AVERAGES_EXPORTED = "eval_config { use_moving_averages: true }"

BROKEN = [
    (MOMENTUM % "momentum_optimizer_value: 0", "CFG048", "warning", "momentum_optimizer_value is 0"),
    (MOMENTUM % "momentum_optimizer_value: 1.0", "CFG048", "error", "momentum_optimizer_value is 1"),
    (MOMENTUM % "momentum_optimizer_value: -0.9", "CFG048", "warning", "is -0.9"),
    (RMS % "epsilon: 1.0 momentum_optimizer_value: 1.5", "CFG048", "error", "is 1.5"),
    (RMS % "epsilon: 1e-8", "CFG049", "warning", "epsilon of RMSProp is 1e-08, with a rate of 0.004"),
    (RMS % "epsilon: 0", "CFG049", "warning", "epsilon is 0"),
    (RMS % "epsilon: -1", "CFG049", "error", "epsilon is -1"),
    (RMS % "", "CFG049", "info", "epsilon of RMSProp is not set, so it is 1.0"),
    (RMS % "epsilon: 1.0 decay: 1.0", "CFG049", "warning", "decay of RMSProp is 1"),
    (RMS % "epsilon: 1.0 decay: 9", "CFG049", "error", "decay of RMSProp is 9"),
    (ADAM % "epsilon: 1.0", "CFG049", "warning", "epsilon of Adam is 1"),
    (ADAM % "epsilon: nan", "CFG049", "error", "epsilon is nan"),
    (NOT_CLIPPED % 0 + BASE_RATE % 0.02, "CFG050", "warning", "not clipped, with a learning rate of 0.02"),
    (NOT_CLIPPED % -1, "CFG050", "warning", "gradient_clipping_by_norm is -1"),
    (OPTIMIZER % "use_moving_average: true", "CFG054", "info", "use_moving_average is true"),
    (
        OPTIMIZER % "use_moving_average: true moving_average_decay: 1.0",
        "CFG054",
        "warning",
        "moving_average_decay is 1",
    ),
    (
        OPTIMIZER % "use_moving_average: true moving_average_decay: 1.0" + AVERAGES_EXPORTED,
        "CFG054",
        "error",
        "moving_average_decay is 1",
    ),
    (
        OPTIMIZER % "use_moving_average: true" + AVERAGES_EXPORTED,
        "CFG054",
        "warning",
        "moving_average_decay is 0.9999, with 400 steps",
    ),
    (AVERAGES_EXPORTED, "CFG054", "warning", "but training keeps none"),
]

SOUND = [
    "",
    OPTIMIZER % "use_moving_average: true moving_average_decay: 0.985" + AVERAGES_EXPORTED,
    RMS % "epsilon: 1.0 decay: 0.9",
    ADAM % "",
    ADAM % "epsilon: 1e-7",
    NOT_CLIPPED % 0,
    NOT_CLIPPED % 0 + BASE_RATE % 0.08,  # CFG012's
    NOT_CLIPPED % 0 + RMS % "epsilon: 1.0",
    MOMENTUM % "momentum_optimizer_value: 0.99",
]


@pytest.mark.parametrize(("text", "code", "severity", "message"), BROKEN)
def test_one_broken_rule_is_one_answer(
    config: Any, problems_of: ProblemsOf, text: str, code: str, severity: str, message: str
) -> None:
    problems = problems_of(RULES, config, text)
    assert [(c, p.severity) for c, p in problems] == [(code, severity)]
    assert message in problems[0][1].message


@pytest.mark.parametrize("text", SOUND)
def test_a_usual_optimizer_has_no_answer(config: Any, problems_of: ProblemsOf, text: str) -> None:
    assert problems_of(RULES, config, text) == []


@pytest.mark.parametrize(
    ("text", "learns"),
    [(text, severity != "error") for text, code, severity, _ in BROKEN if code in ("CFG048", "CFG049")]
    + [(text, True) for text in SOUND],
)
def test_errors_are_what_learns_nothing(config: Any, text: str, learns: bool) -> None:
    import keras
    import tensorflow as tf
    from google.protobuf import text_format

    from components.trainer.optimizer import build_optimizer
    from components.trainer.options import TrainOptions
    from components.trainer.schedule import Constant

    text_format.Merge(text, config)
    optimizer = build_optimizer(config.train_config.optimizer, TrainOptions(), Constant(0.05))
    weight = keras.Variable(1.0)
    optimizer.build([weight])

    @tf.function
    def farthest_in_the_end() -> tf.Tensor:
        farthest = tf.zeros([])
        for step in tf.range(400):
            optimizer.apply([2.0 * weight.value], [weight])  # the gradient of its square
            if step >= 300:
                # not tf.maximum, which may lose a NaN
                farthest = farthest if tf.abs(weight.value) <= farthest else tf.abs(weight.value)
        return farthest

    assert bool(farthest_in_the_end() < 0.5) == learns


def test_no_optimizer_is_said(config: Any, problems_of: ProblemsOf) -> None:
    config.train_config.ClearField("optimizer")
    ((code, problem),) = problems_of(RULES, config)
    assert (code, problem.severity) == ("CFG019", "warning")


@pytest.mark.parametrize(
    ("asked", "held", "message"),
    [
        (True, True, ""),
        (False, False, ""),
        (True, False, "use_moving_averages is true, but the checkpoint holds no averages"),
        (False, True, "use_moving_averages is false, but the checkpoint holds moving averages too"),
    ],
)
def test_averages_are_compared_with_the_checkpoints(
    config: Any, problems_of: ProblemsOf, asked: bool, held: bool, message: str
) -> None:
    config.eval_config.use_moving_averages = asked
    facts = CheckpointFacts("model.ckpt", "detection", 4, {}, averages=held)
    problems = problems_of(RULES, config, checkpoint=facts)
    assert [p.message for _, p in problems] == ([message] if message else [])
    assert all((c, p.severity) == ("CFG054", "info") for c, p in problems)
