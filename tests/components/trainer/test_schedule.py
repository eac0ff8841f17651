"""Learning rates equal the OD API's definitions at every step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from components.trainer.options import TrainOptions
from components.trainer.schedule import build_schedule
from detection.config import protos
from detection.errors import BadInput


def optimizer_config(text: str) -> protos.Optimizer:
    return text_format.Parse(f"momentum_optimizer {{ learning_rate {{ {text} }} }}", protos.Optimizer())


def rates(text: str, steps: range, options: TrainOptions | None = None, total_steps: int = 100) -> np.ndarray:
    schedule = build_schedule(optimizer_config(text), options or TrainOptions(), total_steps)
    return np.array([schedule(tf.constant(step, tf.int64)).numpy() for step in steps])


def od_api_rates(name: str, steps: range, *args: object, **kwargs: object) -> np.ndarray:
    schedules = pytest.importorskip("object_detection.utils.learning_schedules")
    function = getattr(schedules, name)
    return np.array([float(function(tf.constant(step, tf.int64), *args, **kwargs)()) for step in steps])


def test_constant() -> None:
    assert rates("constant_learning_rate { learning_rate: 0.004 }", range(5)) == pytest.approx([0.004] * 5)


def test_exponential_staircase_with_burnin() -> None:
    text = """exponential_decay_learning_rate { initial_learning_rate: 0.1 decay_steps: 10 decay_factor: 0.5
      burnin_learning_rate: 0.01 burnin_steps: 5 min_learning_rate: 0.02 }"""
    got = rates(text, range(60))
    expected = [
        max(0.01 if step < 5 else 0.1 * 0.5 ** math.floor((step - 5) / 10), 0.02) for step in range(60)
    ]
    assert got == pytest.approx(expected, rel=1e-6)
    assert got[[0, 4, 5, 14, 15, 59]] == pytest.approx([0.02, 0.02, 0.1, 0.1, 0.05, 0.02], rel=1e-6)
    oracle = od_api_rates(
        "exponential_decay_with_burnin",
        range(60),
        0.1,
        10,
        0.5,
        burnin_learning_rate=0.01,
        burnin_steps=5,
        min_learning_rate=0.02,
    )
    assert got == pytest.approx(oracle, rel=1e-6)


def test_exponential_without_staircase_falls_at_every_step() -> None:
    text = """exponential_decay_learning_rate {
      initial_learning_rate: 0.1 decay_steps: 10 decay_factor: 0.5 staircase: false }"""
    got = rates(text, range(40))
    assert got == pytest.approx([0.1 * 0.5 ** (step / 10) for step in range(40)], rel=1e-5)
    assert (np.diff(got) < 0).all()


@pytest.mark.parametrize("warmup", [False, True])
def test_manual_step(warmup: bool) -> None:
    text = f"""manual_step_learning_rate {{ initial_learning_rate: 0.1 warmup: {str(warmup).lower()}
      schedule {{ step: 5 learning_rate: 0.5 }} schedule {{ step: 9 learning_rate: 0.01 }} }}"""
    got = rates(text, range(12))
    before = [0.1 + 0.08 * step if warmup else 0.1 for step in range(5)]
    assert got == pytest.approx(before + [0.5] * 4 + [0.01] * 3, rel=1e-6)
    oracle = od_api_rates("manual_stepping", range(12), [5, 9], [0.1, 0.5, 0.01], warmup)
    assert got == pytest.approx(oracle, rel=1e-6)


@pytest.mark.parametrize("hold", [0, 7])
def test_cosine_with_warmup(hold: int) -> None:
    text = f"""cosine_decay_learning_rate {{ learning_rate_base: 0.08 total_steps: 50
      warmup_learning_rate: 0.02 warmup_steps: 6 hold_base_rate_steps: {hold} }}"""
    got = rates(text, range(55))
    assert got[[0, 3, 6]] == pytest.approx([0.02, 0.05, 0.08], rel=1e-6)
    middle = 6 + hold + (50 - 6 - hold) / 2
    assert rates(text, range(int(middle), int(middle) + 1))[0] == pytest.approx(0.04, rel=0.1)
    assert got[50:] == pytest.approx([0.0] * 5, abs=1e-8)
    oracle = od_api_rates("cosine_decay_with_warmup", range(55), 0.08, 50, 0.02, 6, hold)
    assert got == pytest.approx(oracle, rel=1e-5, abs=1e-8)


def test_learning_rate_option_scales_the_whole_schedule() -> None:
    text = """manual_step_learning_rate { initial_learning_rate: 0.1
      schedule { step: 2 learning_rate: 0.01 } }"""
    got = rates(text, range(4), TrainOptions(learning_rate=0.004))
    assert got == pytest.approx([0.004, 0.004, 0.0004, 0.0004], rel=1e-6)


def test_cosine_option_replaces_the_schedule_and_ends_at_zero() -> None:
    options = TrainOptions(schedule="cosine", learning_rate=0.02, warmup_steps=10)
    got = rates("constant_learning_rate { learning_rate: 1.0 }", range(101), options)
    assert got[[0, 5, 10, 55, 100]] == pytest.approx([0.002, 0.011, 0.02, 0.01, 0.0], abs=1e-7)


def test_warmup_is_cut_to_half_of_a_shortened_run() -> None:
    options = TrainOptions(schedule="cosine", learning_rate=0.02, warmup_steps=300)
    got = rates("constant_learning_rate {}", range(101), options)
    assert got[[0, 25, 50, 100]] == pytest.approx([0.002, 0.011, 0.02, 0.0], abs=1e-7)


def test_constant_option_with_warmup_takes_the_configs_base_rate() -> None:
    options = TrainOptions(schedule="constant", warmup_steps=4)
    got = rates("cosine_decay_learning_rate { learning_rate_base: 0.1 }", range(6), options)
    assert got == pytest.approx([0.01, 0.0325, 0.055, 0.0775, 0.1, 0.1], rel=1e-6)


@pytest.mark.parametrize(
    ("text", "options", "word"),
    [
        ("", TrainOptions(), "no learning rate"),
        ("manual_step_learning_rate {}", TrainOptions(), "no entry"),
        ("manual_step_learning_rate { schedule { step: 0 } }", TrainOptions(), "above 0"),
        (
            "cosine_decay_learning_rate { total_steps: 10 warmup_steps: 20 }",
            TrainOptions(),
            "more than total_steps",
        ),
        (
            "cosine_decay_learning_rate { learning_rate_base: 0.1 warmup_learning_rate: 0.2 }",
            TrainOptions(),
            "is above",
        ),
        ("constant_learning_rate {}", TrainOptions(warmup_steps=3), "pipeline.config's own"),
    ],
)
def test_contradictions_are_bad_input(text: str, options: TrainOptions, word: str) -> None:
    with pytest.raises(BadInput, match=word):
        rates(text, range(1), options)
