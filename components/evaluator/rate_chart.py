"""Geometry of the learning rate range test's curve: loss over rates, on a logarithmic axis."""

from __future__ import annotations

import math

from components.evaluator.axes import WIDE, Chart, Line, Tick, round_ticks
from components.trainer.results import LearningRateCurve


def rate_chart(curve: LearningRateCurve) -> Chart | None:
    """Lay out the loss of each rate, with the suggested rate as a line of its own; None for under two points.

    Losses that are no number, and those far above the first, where training fell apart, touch the top.
    """
    points = [(rate, loss) for rate, loss in zip(curve.rates, curve.losses, strict=True) if rate > 0]
    finite = [loss for _, loss in points if math.isfinite(loss)]
    if len(points) < 2 or not finite:
        return None
    first, last = math.log10(points[0][0]), math.log10(points[-1][0])
    y_ticks = round_ticks(min(max(finite), 1.5 * max(finite[0], min(finite))))
    y_max = y_ticks[-1]

    def x(rate: float) -> float:
        return WIDE.x((math.log10(rate) - first) / max(last - first, 1e-9))

    def y(loss: float) -> float:
        shown = min(loss, y_max) if math.isfinite(loss) else y_max
        return WIDE.y(shown / y_max)

    drawn = " ".join(f"{x(rate):.1f},{y(loss):.1f}" for rate, loss in points)
    lines = [Line(drawn, "smooth", "loss by rate", points[-1][1])]
    if curve.suggestion is not None:
        at = x(min(max(curve.suggestion, points[0][0]), points[-1][0]))
        ends = f"{at:.1f},{WIDE.y(1.0):.0f} {at:.1f},{WIDE.y(0.0):.0f}"
        lines.append(Line(ends, "eval", f"suggested: {curve.suggestion:.1e}", curve.suggestion))
    powers = range(math.ceil(first - 1e-9), math.floor(last + 1e-9) + 1)
    return WIDE.chart(
        x_ticks=[Tick(x(10.0**power), f"1e{power}") for power in powers],
        y_ticks=[Tick(y(loss), f"{loss:g}") for loss in y_ticks],
        lines=lines,
    )
