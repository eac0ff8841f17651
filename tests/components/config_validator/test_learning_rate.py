"""Schedules keep their shape when they are scaled or stretched."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf import text_format

from components.config_validator.learning_rate import active_schedule
from detection.config import protos

RATE = "train_config { num_steps: 1000 optimizer { %s { learning_rate { %s } } } }"
MANUAL = """manual_step_learning_rate { initial_learning_rate: 0.1
  schedule { step: 500 learning_rate: 0.2 } schedule { step: 800 learning_rate: 0.02 } }"""
COSINE = """cosine_decay_learning_rate { learning_rate_base: 0.1 warmup_learning_rate: 0.01
  total_steps: 1000 warmup_steps: 200 hold_base_rate_steps: 100 }"""


def schedule_of(rate: str) -> Any:
    config = text_format.Parse(RATE % ("adam_optimizer", rate), protos.TrainEvalPipelineConfig())
    return active_schedule(config)


def test_none_without_optimizer_or_rate() -> None:
    assert active_schedule(protos.TrainEvalPipelineConfig()) is None
    assert schedule_of("") is None


@pytest.mark.parametrize(
    ("rate", "peak", "field"),
    [
        ("constant_learning_rate { learning_rate: 0.3 }", 0.3, "learning_rate"),
        ("exponential_decay_learning_rate { initial_learning_rate: 0.4 }", 0.4, "initial_learning_rate"),
        (MANUAL, 0.2, "initial_learning_rate"),
        (COSINE, 0.1, "learning_rate_base"),
    ],
)
def test_peak(rate: str, peak: float, field: str) -> None:
    schedule = schedule_of(rate)
    assert schedule.peak == pytest.approx(peak)
    assert (
        schedule.peak_field == f"train_config.optimizer.adam_optimizer.learning_rate.{schedule.kind}.{field}"
    )
    schedule.scale(0.05)
    assert schedule.peak == pytest.approx(0.05)


def test_scaling_keeps_ratios() -> None:
    manual = schedule_of(MANUAL)
    manual.scale(0.02)
    assert manual.message.initial_learning_rate == pytest.approx(0.01)
    assert [step.learning_rate for step in manual.message.schedule] == pytest.approx([0.02, 0.002])
    cosine = schedule_of(COSINE)
    cosine.scale(0.02)
    assert cosine.message.warmup_learning_rate == pytest.approx(0.002)


def test_stretching_keeps_shares() -> None:
    cosine = schedule_of(COSINE)
    cosine.stretch(1000, 100)
    rate = cosine.message
    assert (rate.total_steps, rate.warmup_steps, rate.hold_base_rate_steps) == (100, 20, 10)
    manual = schedule_of(MANUAL)
    manual.stretch(1000, 100)
    assert [step.step for step in manual.message.schedule] == [50, 80]
    manual.stretch(0, 10)
    assert [step.step for step in manual.message.schedule] == [50, 80]


@pytest.mark.parametrize(
    ("optimizer", "rate", "batch", "high", "too_high"),
    [
        ("momentum_optimizer", 0.01, 8, False, False),
        ("momentum_optimizer", 0.011, 8, True, False),
        ("momentum_optimizer", 0.02, 8, True, False),
        ("momentum_optimizer", 0.021, 8, True, True),
        ("momentum_optimizer", 0.04, 64, True, False),
        ("momentum_optimizer", 0.02, 64, False, False),
        ("rms_prop_optimizer", 0.006, 24, False, False),
        ("rms_prop_optimizer", 0.0061, 24, True, True),
        ("adam_optimizer", 0.006, 24, True, True),
    ],
)
def test_a_rate_is_high_by_optimizer_and_batch(
    optimizer: str, rate: float, batch: int, high: bool, too_high: bool
) -> None:
    config = protos.TrainEvalPipelineConfig()
    getattr(
        config.train_config.optimizer, optimizer
    ).learning_rate.constant_learning_rate.learning_rate = rate
    schedule = active_schedule(config)
    assert schedule is not None
    assert (schedule.is_high(batch), schedule.is_too_high(batch)) == (high, too_high)


@pytest.mark.parametrize(
    ("rate", "steps", "field"),
    [
        ("cosine_decay_learning_rate { learning_rate_base: 0.01 warmup_steps: 7 }", 7, ".warmup_steps"),
        (
            "cosine_decay_learning_rate { learning_rate_base: 1 warmup_learning_rate: 1 warmup_steps: 7 }",
            0,
            ".warmup_steps",
        ),
        (
            "manual_step_learning_rate { warmup: true schedule { step: 5 } schedule { step: 9 } }",
            5,
            ".schedule",
        ),
        ("manual_step_learning_rate { schedule { step: 5 } }", 0, ".schedule"),
        ("manual_step_learning_rate { warmup: true }", 0, ".schedule"),
        (
            "exponential_decay_learning_rate { burnin_steps: 4 burnin_learning_rate: 0.001 }",
            4,
            ".burnin_steps",
        ),
        ("exponential_decay_learning_rate { burnin_steps: 4 }", 0, ".burnin_steps"),
        ("constant_learning_rate { learning_rate: 0.01 }", 0, "constant_learning_rate"),
    ],
)
def test_the_warmup_of_every_schedule_is_known(rate: str, steps: int, field: str) -> None:
    schedule = schedule_of(rate)
    assert schedule.warmup_steps == steps
    assert schedule.warmup_field.endswith(field)
