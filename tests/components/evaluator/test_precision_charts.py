"""Geometry of the small charts."""

from __future__ import annotations

import pytest

from components.evaluator.analysis import analyse
from components.evaluator.matching import match
from components.evaluator.precision_charts import precision_charts, reliability_chart
from components.evaluator.rate_chart import rate_chart
from components.evaluator.results import Calibration, CalibrationBin
from components.trainer.results import LearningRateCurve
from tests.components.evaluator.drawn_sets import LABELS, random_images


def points(drawn: str) -> list[tuple[float, float]]:
    pairs = (pair.split(",") for pair in drawn.split())
    return [(float(x), float(y)) for x, y in pairs]


def test_precision_over_recall_by_class_with_the_most_objects_first() -> None:
    images = random_images(0)
    analysis = analyse(images, match(images, [1, 2, 5, 7]), LABELS, None)
    names = {item.name: item.display_name for item in LABELS.items}
    charts = precision_charts(analysis, analysis, {"a": 10, "b": 20}, names)
    assert [chart.title for chart in charts] == ["B", "A"]
    baseline, new = charts[0].lines
    assert (baseline.kind, new.kind, baseline.points) == ("old", "smooth", new.points)
    drawn = points(new.points)
    assert len(drawn) == 101 and drawn[0][0] == charts[0].left and drawn[-1][0] == charts[0].right
    heights = [y for _, y in drawn]
    assert heights == sorted(heights), "interpolated precision never rises"
    (alone,) = precision_charts(analysis, None, {"a": 10, "b": 20}, names)[0].lines
    assert alone == new


def test_reliability_bars_stand_on_the_axis() -> None:
    bins = [
        CalibrationBin(low=0.0, high=0.1, detections=0, mean_score=None, precision=None),
        CalibrationBin(low=0.9, high=1.0, detections=4, mean_score=0.95, precision=1.0),
    ]
    found = reliability_chart(Calibration(error=0.05, bins=bins))
    (bar,) = found.bars
    assert bar.y + bar.height == pytest.approx(found.chart.bottom)
    assert bar.y == pytest.approx(found.chart.y_ticks[-1].at) and bar.gap > bar.y
    assert bar.x + bar.width < found.chart.right
    assert bar.title == "4 detections, mean score 0.95, 1.00 right"


def curve(losses: list[float], suggestion: float | None = 1e-3) -> LearningRateCurve:
    rates = [10.0 ** (index - 5) for index in range(len(losses))]
    return LearningRateCurve(rates=rates, losses=losses, suggestion=suggestion, applied=False)


def test_rates_lie_on_a_logarithmic_axis() -> None:
    chart = rate_chart(curve([4.0, 3.9, 3.0, 2.0, 2.5, 90.0]))
    assert chart is not None
    loss, suggested = chart.lines
    xs = [x for x, _ in points(loss.points)]
    steps = [after - before for before, after in zip(xs, xs[1:], strict=False)]
    assert steps == pytest.approx([steps[0]] * 5, abs=0.2)
    assert [tick.label for tick in chart.x_ticks] == ["1e-5", "1e-4", "1e-3", "1e-2", "1e-1", "1e0"]
    assert points(suggested.points)[0][0] == pytest.approx(xs[2], abs=0.1)
    assert points(loss.points)[-1][1] == pytest.approx(chart.y_ticks[-1].at, abs=0.1), "it touches the top"


def test_losses_that_are_no_number_touch_the_top() -> None:
    chart = rate_chart(curve([4.0, 3.0, float("inf"), float("nan")], suggestion=None))
    assert chart is not None and len(chart.lines) == 1
    tops = [y for _, y in points(chart.lines[0].points)][2:]
    assert tops == pytest.approx([chart.y_ticks[-1].at] * 2, abs=0.1)


@pytest.mark.parametrize("losses", [[], [1.0], [float("nan"), float("nan")]])
def test_too_few_points(losses: list[float]) -> None:
    assert rate_chart(curve(losses)) is None
