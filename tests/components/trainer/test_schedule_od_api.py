"""Learning rates are the OD API's own, to the last bit, at every step of the published configs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.options import TrainOptions
from components.trainer.schedule import Schedule, build_schedule
from detection.config import protos

CONFIGS = Path(__file__).parents[4] / "shared" / "data" / "configs"
# Of a manual schedule with warmup the OD API makes a tensor with an entry for each step of the warmup.
# So many entries are looked at together, and so many for a schedule. One published warmup, of 400,000 steps,
# has more: of that one, steps are drawn.
ENTRIES_AT_ONCE = 2**24
ENTRIES = 2**30


def od_api_rate(config: Any) -> Callable[[tf.Tensor], tf.Tensor]:
    """The OD API's rate at a step, as its optimizer_builder asks for it."""
    schedules = pytest.importorskip("object_detection.utils.learning_schedules")
    kind = config.WhichOneof("learning_rate")
    message = getattr(config, kind)
    match kind:
        case "constant_learning_rate":
            return lambda step: tf.constant(message.learning_rate, tf.float32)
        case "exponential_decay_learning_rate":
            return lambda step: schedules.exponential_decay_with_burnin(
                step,
                message.initial_learning_rate,
                message.decay_steps,
                message.decay_factor,
                burnin_learning_rate=message.burnin_learning_rate,
                burnin_steps=message.burnin_steps,
                min_learning_rate=message.min_learning_rate,
                staircase=message.staircase,
            )
        case "manual_step_learning_rate":
            boundaries = [entry.step for entry in message.schedule]
            rates = [message.initial_learning_rate, *(entry.learning_rate for entry in message.schedule)]
            return lambda step: schedules.manual_stepping(step, boundaries, rates, message.warmup)
        case _:
            return lambda step: schedules.cosine_decay_with_warmup(
                step,
                message.learning_rate_base,
                message.total_steps,
                message.warmup_learning_rate,
                message.warmup_steps,
                message.hold_base_rate_steps,
            )


def our_schedule(config: Any) -> Schedule:
    optimizer = protos.Optimizer()
    optimizer.momentum_optimizer.learning_rate.CopyFrom(config)
    schedule = build_schedule(optimizer, TrainOptions(), 1)
    assert isinstance(schedule, Schedule)
    return schedule


def assert_equal_at_every_step(config: Any, steps: int) -> None:
    """Both rates are the same at 0, 1, ..., `steps`, computed in graphs, as training does."""
    ours, theirs = our_schedule(config), od_api_rate(config)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def our_rates(steps: tf.Tensor) -> tf.Tensor:
        return tf.vectorized_map(ours, steps)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def their_rates(steps: tf.Tensor) -> tf.Tensor:
        return tf.vectorized_map(theirs, steps)

    message = getattr(config, config.WhichOneof("learning_rate"))
    entries = message.schedule[0].step + len(message.schedule) if getattr(message, "warmup", False) else 1
    compared = np.arange(steps + 1, dtype=np.int64)
    if entries * steps > ENTRIES:
        edges = [entry.step + near for entry in message.schedule for near in (-1, 0, 1)]
        drawn = np.random.default_rng(0).integers(0, steps, 200)
        compared = np.array([0, 1, *edges, *drawn, *(drawn % entries), steps], np.int64)
    for at in np.array_split(compared, math.ceil(len(compared) * entries / ENTRIES_AT_ONCE)):
        expected = tf.broadcast_to(their_rates(at), at.shape).numpy()
        np.testing.assert_array_equal(tf.broadcast_to(our_rates(at), at.shape).numpy(), expected)
        assert expected.dtype == np.float32


@cache
def published() -> dict[str, int]:
    """Every learning_rate message of the published configs, as text, with the steps of its training."""
    found: dict[str, int] = {}
    for file in sorted(CONFIGS.rglob("*.config")):
        config = protos.TrainEvalPipelineConfig()
        try:
            text_format.Parse(file.read_text(), config, allow_unknown_field=True)
        except text_format.ParseError:
            continue
        optimizer = config.train_config.optimizer
        kind = optimizer.WhichOneof("optimizer")
        if kind and (message := getattr(optimizer, kind).learning_rate).WhichOneof("learning_rate"):
            rate = getattr(message, message.WhichOneof("learning_rate"))
            last = max([0, *(entry.step for entry in getattr(rate, "schedule", ()))])
            steps = max(config.train_config.num_steps, getattr(rate, "total_steps", 0), last + 10)
            text = text_format.MessageToString(message, as_one_line=True)
            found[text] = max(steps, found.get(text, 0))
    return found


ODD = [
    "constant_learning_rate { learning_rate: 0.0033 }",
    # a learning rate of nothing, and one with all fields at their defaults
    "constant_learning_rate { learning_rate: 0 }",
    "exponential_decay_learning_rate { }",
    "cosine_decay_learning_rate { }",
    "exponential_decay_learning_rate { initial_learning_rate: 0.1 decay_steps: 7 decay_factor: 0.93 }",
    """exponential_decay_learning_rate { initial_learning_rate: 0.1 decay_steps: 7 decay_factor: 0.93
       staircase: false }""",
    """exponential_decay_learning_rate { initial_learning_rate: 0.1 decay_steps: 70 decay_factor: 0.931
       staircase: false burnin_learning_rate: 0.007 burnin_steps: 33 min_learning_rate: 0.0123 }""",
    """exponential_decay_learning_rate { initial_learning_rate: 0.003 decay_steps: 11 decay_factor: 1.07
       burnin_steps: 500 min_learning_rate: 0.0001 }""",
    "manual_step_learning_rate { initial_learning_rate: 0.1 schedule { step: 1 learning_rate: 0.3 } }",
    """manual_step_learning_rate { initial_learning_rate: 0.0003 warmup: true
       schedule { step: 77 learning_rate: 0.1 } schedule { step: 300 learning_rate: 0.01 } }""",
    # a warmup that falls, and one of a single step
    """manual_step_learning_rate { initial_learning_rate: 0.7 warmup: true
       schedule { step: 133 learning_rate: 0.1 } schedule { step: 134 learning_rate: 0.3 } }""",
    """manual_step_learning_rate { initial_learning_rate: 0.7 warmup: true
       schedule { step: 1 learning_rate: 0.1 } }""",
    "cosine_decay_learning_rate { learning_rate_base: 0.0799 total_steps: 699 warmup_steps: 0 }",
    """cosine_decay_learning_rate { learning_rate_base: 0.0799 total_steps: 699 warmup_steps: 61
       warmup_learning_rate: 0.0133 hold_base_rate_steps: 97 }""",
    """cosine_decay_learning_rate { learning_rate_base: 0.0799 total_steps: 699 warmup_steps: 0
       hold_base_rate_steps: 97 }""",
    # a hold beyond the end
    """cosine_decay_learning_rate { learning_rate_base: 0.3 total_steps: 600 warmup_steps: 300
       warmup_learning_rate: 0.1 hold_base_rate_steps: 400 }""",
    """cosine_decay_learning_rate { learning_rate_base: 0.3 total_steps: 600 warmup_steps: 100
       warmup_learning_rate: 0.3 }""",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_settings(text: str) -> None:
    assert_equal_at_every_step(text_format.Parse(text, protos.LearningRate()), 800)


@pytest.mark.parametrize("text", ODD)
def test_outside_a_graph_too(text: str) -> None:
    config = text_format.Parse(text, protos.LearningRate())
    ours, theirs = our_schedule(config), od_api_rate(config)
    for step in (0, 1, 32, 33, 76, 77, 132, 133, 500, 699):
        at = tf.constant(step, tf.int64)
        expected = theirs(at)
        assert ours(at).numpy() == (expected() if callable(expected) else expected).numpy(), step


@pytest.mark.slow
def test_published_configs() -> None:
    if not CONFIGS.is_dir():
        pytest.skip(f"the published configs are not here: {CONFIGS}")
    assert len(published()) > 20
    for text, steps in published().items():
        config = text_format.Parse(text, protos.LearningRate())
        assert_equal_at_every_step(config, steps)
