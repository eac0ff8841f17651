"""Geometry of the report's loss chart; the template draws it as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence

from components.evaluator.axes import WIDE, Chart, Line, Tick, round_ticks

_SMOOTHING = 0.6


def loss_chart(history: Sequence[dict[str, float]]) -> Chart | None:
    """Lay out training loss (raw and smoothed) and evaluation loss over steps.

    Rows hold `step` and any of `loss`, `eval_loss`; other keys are ignored. None for less than two points.
    """
    training = [(row["step"], row["loss"]) for row in history if "loss" in row]
    evaluation = [(row["step"], row["eval_loss"]) for row in history if "eval_loss" in row]
    if len(training) < 2:
        return None
    last_step = max(step for step, _ in training + evaluation)
    # one early spike must not flatten the rest of the curve
    ordered = sorted(loss for _, loss in training)
    usual = 1.5 * ordered[int(0.95 * (len(ordered) - 1))]
    top = max([min(ordered[-1], usual), *(loss for _, loss in evaluation)])
    y_ticks = round_ticks(top)
    y_max = y_ticks[-1]

    def x(step: float) -> float:
        return WIDE.x(step / last_step)

    def y(loss: float) -> float:
        return WIDE.y(min(loss, y_max) / y_max)

    def line(points: list[tuple[float, float]], kind: str, title: str) -> Line:
        drawn = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in points)
        return Line(drawn, kind, title, points[-1][1])

    lines = [line(training, "raw", "training, each interval"), line(_smooth(training), "smooth", "training")]
    if evaluation:
        lines.append(line(evaluation, "eval", "evaluation set"))
    return WIDE.chart(
        x_ticks=[Tick(x(step), f"{step:,.0f}") for step in round_ticks(last_step) if step <= last_step],
        y_ticks=[Tick(y(loss), f"{loss:g}") for loss in y_ticks],
        lines=lines,
    )


def _smooth(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Exponential moving average without the bias towards zero of its first values."""
    average = weight = 0.0
    smoothed = []
    for step, loss in points:
        average = _SMOOTHING * average + (1 - _SMOOTHING) * loss
        weight = _SMOOTHING * weight + (1 - _SMOOTHING)
        smoothed.append((step, average / weight))
    return smoothed
