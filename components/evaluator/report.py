"""Renders the evaluation report: one HTML file that needs no other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

from components.checkpoint_converter.report import TRAINING_STATE
from components.evaluator.charts import loss_chart
from components.evaluator.gallery import Gallery
from components.evaluator.gate import title_of
from components.evaluator.precision_charts import precision_charts, reliability_chart
from components.evaluator.rate_chart import rate_chart
from components.evaluator.records import RunRecords
from components.evaluator.report_rows import class_rows, confusions, metric_rows
from components.evaluator.results import Comparison, Difference

_TEMPLATE = "report.html.j2"
_QUARANTINE_SHOWN = 12
_BLOCK_TITLES = {
    "backbone": "Backbone",
    "feature_maps": "Feature maps",
    "fpn": "Feature pyramid",
    "rpn": "Region proposals",
    "box_head": "Box heads",
    "class_head": "Class heads",
    TRAINING_STATE: "Training state",
}


def render_report(
    detector: str,
    comparison: Comparison,
    records: RunRecords,
    gallery: Gallery,
    lineage: Mapping[str, str],
) -> str:
    """Return the report as HTML.

    Args:
      detector: the detector's name.
      comparison: metrics of both models and the verdict.
      records: what the earlier nodes wrote.
      gallery: pictures of the evaluation set with the new model's detections.
      lineage: facts shown as they are, title -> value.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "metric": _metric,
        "change": _change,
        "interval": _interval,
        "duration": _duration,
        "count": lambda number: f"{number:,}",
        "tiny": lambda number: f"{number:.1e}",
        "percent": lambda part: f"{part:.0%}",
    }
    conversion = records.conversion
    return environment.get_template(_TEMPLATE).render(
        detector=detector,
        comparison=comparison,
        new=comparison.candidate.metrics,
        old=comparison.baseline.metrics,
        gate_title=title_of(comparison.gate.metric),
        lineage=lineage,
        gallery=gallery,
        conversion=conversion,
        block_titles=_BLOCK_TITLES,
        reasons_fresh=Counter(one.reason for one in conversion.of_state("fresh")).most_common(),
        reasons_dropped=Counter(one.reason for one in conversion.of_state("dropped")).most_common(),
        **_measurements(comparison),
        **_training(records),
        **_data(records),
    )


def _measurements(comparison: Comparison) -> dict[str, Any]:
    analysis = comparison.candidate.analysis
    names = {key: one.display_name for key, one in comparison.candidate.metrics.by_class.items()}
    objects = {key: one.groundtruth_boxes for key, one in comparison.candidate.metrics.by_class.items()}
    return {
        "metrics": metric_rows(comparison),
        "classes": class_rows(comparison),
        "analysis": analysis,
        "curves": precision_charts(analysis, comparison.baseline.analysis, objects, names)
        if analysis
        else [],
        "confusions": confusions(analysis, names) if analysis else None,
        "reliability": reliability_chart(analysis.calibration) if analysis else None,
    }


def _training(records: RunRecords) -> dict[str, Any]:
    training = records.training
    return {
        "training": training,
        "chart": loss_chart(training.history),
        "search_chart": rate_chart(training.search) if training.search else None,
    }


def _data(records: RunRecords) -> dict[str, Any]:
    return {
        "statistics": records.statistics,
        "split_sheets": records.split_sheets,
        "finding_sheets": records.finding_sheets,
        "quarantine": records.quarantine[:_QUARANTINE_SHOWN],
        "quarantine_more": max(0, len(records.quarantine) - _QUARANTINE_SHOWN),
        "quarantine_rules": Counter((row.code, row.rule) for row in records.quarantine).most_common(),
        "findings": records.findings,
        "config_diff": records.config_diff.splitlines(),
    }


def _metric(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"


def _change(new: float | None, old: float | None) -> str:
    return "–" if new is None or old is None else _signed(new - old)


def _interval(difference: Difference | None) -> str:
    if difference is None or difference.low is None or difference.high is None:
        return "–"
    return f"{_signed(difference.low)} to {_signed(difference.high)}"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
