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


@dataclass(frozen=True)
class Frame:
    """A chart's size and the margins of its axes, in SVG units."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int

    def x(self, part: float) -> float:
        """Where `part` of the way from the left of the axes to their right is."""
        return self.left + (self.width - self.left - self.right) * part

    def y(self, part: float) -> float:
        """Where `part` of the way from the bottom of the axes to their top is."""
        return self.height - self.bottom - (self.height - self.top - self.bottom) * part

    def point(self, across: float, up: float) -> str:
        """A point of a polyline, by parts of the way as x and y take them."""
        return f"{self.x(across):.1f},{self.y(up):.1f}"

    def chart(self, x_ticks: list[Tick], y_ticks: list[Tick], lines: list[Line], title: str = "") -> Chart:
        """The chart of these lines; all positions are this frame's."""
        return Chart(
            width=self.width,
            height=self.height,
            left=self.left,
            right=self.width - self.right,
            bottom=self.height - self.bottom,
            x_ticks=x_ticks,
            y_ticks=y_ticks,
            lines=lines,
            title=title,
        )


WIDE = Frame(width=640, height=250, left=44, right=12, top=12, bottom=30)


def round_ticks(top: float) -> list[float]:
    """Round values from 0 to the first one at or above `top`, at most six of them."""
    if top <= 0:
        return [0.0, 1.0]
    magnitude = 10 ** math.floor(math.log10(top / 5))
    step = next(one * magnitude for one in _STEPS_OF_TICKS if one * magnitude * 5 >= top * (1 - 1e-9))
    return [step * count for count in range(math.ceil(top / step - 1e-9) + 1)]
