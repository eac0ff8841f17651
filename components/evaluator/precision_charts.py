"""Geometry of the precision-recall curves and of the reliability diagram."""

from __future__ import annotations

from dataclasses import dataclass

from components.evaluator.axes import Chart, Frame, Line, Tick
from components.evaluator.results import Analysis, Calibration

_FRAME = Frame(width=250, height=190, left=30, right=8, top=8, bottom=24)
_SHOWN = 12
_TICKS = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Bar:
    """A bar of the reliability diagram in SVG units; `gap` is where its mean score lies."""

    x: float
    y: float
    width: float
    height: float
    gap: float
    title: str


@dataclass(frozen=True)
class ReliabilityChart:
    """Axes with no lines but the diagonal, and bars."""

    chart: Chart
    bars: list[Bar]


def precision_charts(
    candidate: Analysis, baseline: Analysis | None, objects: dict[str, int], names: dict[str, str]
) -> list[Chart]:
    """A chart of precision over recall for each class, at most _SHOWN: those with the most objects.

    Args:
      candidate, baseline: both models' curves.
      objects: how many there are of each class.
      names: the classes' names for people.
    """
    chosen = sorted(candidate.curves, key=lambda name: -objects[name])[:_SHOWN]
    charts = []
    for name in chosen:
        lines = [_line(candidate.curves[name].precision, "smooth", "new model")]
        if baseline is not None and name in baseline.curves:
            lines.insert(0, _line(baseline.curves[name].precision, "old", "baseline"))
        charts.append(_axes(lines, names[name]))
    return charts


def reliability_chart(calibration: Calibration) -> ReliabilityChart:
    """Precision by score as bars beside the diagonal, where scores say the truth."""
    bars = []
    for one in calibration.bins:
        if one.precision is None or one.mean_score is None:
            continue
        title = f"{one.detections:,} detections, mean score {one.mean_score:.2f}, {one.precision:.2f} right"
        top = _FRAME.y(one.precision)
        bars.append(
            Bar(
                _FRAME.x(one.low) + 1,
                top,
                _FRAME.x(one.high) - _FRAME.x(one.low) - 2,
                _FRAME.y(0.0) - top,
                _FRAME.y(one.mean_score),
                title,
            )
        )
    diagonal = Line(
        f"{_FRAME.point(0, 0)} {_FRAME.point(1, 1)}",
        "old",
        "as sure as right",
        1.0,
    )
    return ReliabilityChart(_axes([diagonal], "Reliability"), bars)


def _line(precision: list[float], kind: str, title: str) -> Line:
    points = " ".join(_FRAME.point(index / 100, value) for index, value in enumerate(precision))
    return Line(points, kind, title, precision[-1])


def _axes(lines: list[Line], title: str) -> Chart:
    return _FRAME.chart(
        x_ticks=[Tick(_FRAME.x(value), f"{value:g}") for value in _TICKS],
        y_ticks=[Tick(_FRAME.y(value), f"{value:g}") for value in _TICKS],
        lines=lines,
        title=title,
    )
