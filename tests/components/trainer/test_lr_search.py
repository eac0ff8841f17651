"""The range test: its rates, what its curve suggests, and where it ends."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.devices import select_devices
from components.trainer.lr_search import ExponentialRise, search_learning_rate, smooth, suggest, window_of
from components.trainer.options import SearchOptions, TrainOptions

if TYPE_CHECKING:
    from conftest import Training

RATES = np.geomspace(1e-5, 1.0, 61)


def test_the_rate_rises_by_the_same_factor_to_the_last_step() -> None:
    schedule = ExponentialRise(1e-4, 1.0, 9)
    rates = [float(schedule(tf.constant(step))) for step in range(9)]
    np.testing.assert_allclose(rates, np.geomspace(1e-4, 1.0, 9), rtol=1e-5)


@pytest.mark.parametrize(("steps", "window"), [(10, 3), (30, 3), (60, 7), (100, 11)])
def test_a_loss_is_smoothed_with_its_neighbours(steps: int, window: int) -> None:
    assert window_of(steps) == window
    losses = np.arange(5.0)
    np.testing.assert_allclose(smooth(losses, 3), [0.5, 1.0, 2.0, 3.0, 3.5])


def valley(depth: float, noise: float, lowest: int = 40) -> np.ndarray:
    """Flat, then down to step `lowest`, then steeply up, with noise."""
    steps = np.arange(61)
    curve = 3.0 - depth * np.clip((steps - 15) / (lowest - 15), 0, 1) + 0.5 * np.maximum(steps - lowest, 0)
    return curve + np.random.default_rng(5).normal(0.0, noise, 61)


def test_a_tenth_of_the_rate_with_the_lowest_loss_is_suggested() -> None:
    found = suggest(RATES, valley(depth=1.5, noise=0.02), window=7)
    assert found is not None
    # 12 steps are a decade; a mean over 7 steps is lowest up to 3 steps before a steep rise
    assert RATES[37 - 12] * 0.999 < found < RATES[40 - 12] * 1.001


@pytest.mark.parametrize(
    "losses",
    [
        valley(depth=0.1, noise=0.3),  # less than the losses' own scatter
        3.0 + np.arange(61) * 0.1,
        np.full(61, 2.0),
        np.linspace(3.0, 1.0, 13),  # ended at once
    ],
)
def test_nothing_is_suggested_where_no_rate_lowers_the_loss(losses: np.ndarray) -> None:
    assert suggest(RATES[: len(losses)], losses, window=7) is None


def test_the_test_ends_where_the_loss_runs_away(training: Training, tmp_path: Path) -> None:
    search = SearchOptions(min_rate=1e-3, max_rate=1e9, steps=16)
    options = TrainOptions(lr_search=search)
    curve = search_learning_rate(training.job(tmp_path, options), search, select_devices(options))
    assert 3 <= len(curve.rates) == len(curve.losses) < 16
    assert np.isfinite(curve.losses).all()
    np.testing.assert_allclose(curve.rates, np.geomspace(1e-3, 1e9, 16)[: len(curve.rates)], rtol=1e-4)
    assert not curve.applied
