"""Axes of the report's charts: round ticks, and marks and curves in SVG units."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS_OF_TICKS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its position in SVG units and its label."""

    at: float
    label: str


@dataclass(frozen=True)
class Line:
    """A curve: the points attribute of an SVG polyline, a CSS class, a title and its last value."""

    points: str
    kind: str
    title: str
    last: float


@dataclass(frozen=True)
class Chart:
    """All that the template needs to draw curves."""

    width: int
    height: int
    left: int
    right: int
    bottom: int
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line]
    title: str = ""


def round_ticks(top: float) -> list[float]:
    """Round values from 0 to the first one at or above `top`, at most six of them."""
    if top <= 0:
        return [0.0, 1.0]
    magnitude = 10 ** math.floor(math.log10(top / 5))
    step = next(one * magnitude for one in _STEPS_OF_TICKS if one * magnitude * 5 >= top * (1 - 1e-9))
    return [step * count for count in range(math.ceil(top / step - 1e-9) + 1)]
