"""Geometry of the loss chart."""

from __future__ import annotations

import pytest

from components.evaluator.axes import WIDE, Chart, Line
from components.evaluator.charts import loss_chart


def chart_of(history: list[dict[str, float]]) -> Chart:
    chart = loss_chart(history)
    assert chart is not None
    return chart


def points(line: Line) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in line.points.split())
    return [(float(x), float(y)) for x, y in pairs]


def test_curves_lie_on_their_axes() -> None:
    history = [{"step": step, "loss": 4.0 * (1 - step / 100)} for step in range(0, 101, 10)]
    chart = chart_of(history)
    raw, smooth = chart.lines
    assert points(raw)[0] == (chart.left, chart.y_ticks[-1].at)  # step 0, loss 4 = the topmost tick
    assert points(raw)[-1] == (chart.right, chart.bottom)  # step 100, loss 0
    assert [tick.label for tick in chart.y_ticks] == ["0", "1", "2", "3", "4"]
    assert [tick.label for tick in chart.x_ticks] == ["0", "20", "40", "60", "80", "100"]
    assert smooth.last > raw.last == 0.0


def test_smoothing_starts_at_the_first_value() -> None:
    chart = chart_of([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 2.0}])
    assert points(chart.lines[1]) == points(chart.lines[0])


def test_evaluation_loss_is_a_curve_of_its_own() -> None:
    history = [
        {"step": 1, "loss": 2.0},
        {"step": 2, "loss": 1.0, "eval_loss": 3.0},
        {"step": 2, "eval_loss": 2.5},
    ]
    kinds = [line.kind for line in chart_of(history).lines]
    assert kinds == ["raw", "smooth", "eval"]


def test_a_spike_does_not_flatten_the_curve() -> None:
    history = [{"step": step, "loss": 500.0 if step == 1 else 1.0} for step in range(1, 101)]
    chart = chart_of(history)
    assert float(chart.y_ticks[-1].label) < 3
    drawn = [point for line in chart.lines for point in points(line)]
    assert all(0 <= x <= WIDE.width and 0 <= y <= WIDE.height for x, y in drawn)


@pytest.mark.parametrize("history", [[], [{"step": 1, "loss": 2.0}], [{"step": 1, "eval_loss": 2.0}]])
def test_too_few_points(history: list[dict[str, float]]) -> None:
    assert loss_chart(history) is None


def test_losses_of_zero() -> None:
    assert [tick.label for tick in chart_of([{"step": 1, "loss": 0.0}, {"step": 2, "loss": 0.0}]).y_ticks]
