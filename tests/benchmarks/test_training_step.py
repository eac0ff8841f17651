"""The step benchmark runs every side on the same batch and compares what it measured."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.training.sides import ROWS, SIDES, make_batch
from benchmarks.training.step import Case, Cost, measure, ratios, table
from detection.config.pipeline_config import parse_pipeline_config
from tests.parity.od_api_configs import CONFIGS

TRAINING = """train_config {
  batch_size: 2 num_steps: 10
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.001 } } }
    use_moving_average: false }
}"""


def cost(step_s: float, first_step_s: float, peak_mb: float) -> Cost:
    return Cost(
        step_s=step_s,
        step_cpu_s=2 * step_s,
        first_step_s=first_step_s,
        first_step_cpu_s=first_step_s / 2,
        build_s=1.0,
        peak_mb=peak_mb,
    )


COSTS = {"upcycle": cost(0.5, 3.0, 900), "bare": cost(0.4, 2.0, 800), "od_api": cost(1.0, 12.0, 1200)}


def test_ratios_are_parts_of_the_peer() -> None:
    assert ratios(COSTS) == pytest.approx(
        {
            "step": 0.5,
            "step_cpu": 0.5,
            "first_step": 0.25,
            "first_step_cpu": 0.25,
            "peak": 0.75,
            "step_to_bare": 1.25,
            "step_to_bare_cpu": 1.25,
        }
    )


def test_the_table_has_a_row_for_each_side_and_the_ratios() -> None:
    text = table("small", Case("small.config", 96, 2), COSTS)
    assert "| Upcycle | 0.50 s | 1.00 s | 3.0 s | 1.5 s | 1.0 s | 900 MB |" in text
    assert "step 0.50" in text and "first step 0.25" in text and "peak memory 0.75" in text


def test_the_batch_is_the_same_for_every_side_and_padded() -> None:
    config = parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"] + TRAINING, "small")
    images, groundtruth = make_batch(config)
    assert images.shape == (2, 160, 160, 3) and images.min() >= 0 and images.max() <= 255
    assert groundtruth["boxes"].shape == (2, ROWS, 4)
    real = groundtruth["classes"] > 0
    assert real.any(axis=1).all() and (groundtruth["weights"] == real).all()
    np.testing.assert_array_equal(images, make_batch(config)[0])


@pytest.mark.slow
def test_every_side_does_its_steps() -> None:
    costs = measure(parse_pipeline_config(CONFIGS["ssd_mobilenet_v1"] + TRAINING, "small"), rounds=1, steps=2)
    assert set(costs) == set(SIDES)
    for one in costs.values():
        assert 0 < one.step_s < one.first_step_s and one.peak_mb > 100
