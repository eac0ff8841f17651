"""Renders the evaluation report: one HTML file that needs no other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2

from components.checkpoint_converter.report import TRAINING_STATE
from components.evaluator.charts import loss_chart
from components.evaluator.gate import title_of
from components.evaluator.pictures import SCORE_SHOWN, Picture
from components.evaluator.records import RunRecords
from components.evaluator.results import Comparison, Metrics

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


@dataclass(frozen=True)
class ClassRow:
    """One class in the comparison; values are None where the evaluation set has no box of it.

    `key` is its name in the data, `name` the one for people.
    """

    key: str
    name: str
    boxes: int
    baseline: float | None
    candidate: float | None
    mAP: float | None  # noqa: N815 (the metric's name)
    recall: float | None


def render_report(
    detector: str,
    comparison: Comparison,
    records: RunRecords,
    pictures: Sequence[Picture],
    lineage: Mapping[str, str],
) -> str:
    """Return the report as HTML.

    Args:
      detector: the detector's name.
      comparison: metrics of both models and the verdict.
      records: what the earlier nodes wrote.
      pictures: samples of the evaluation set with the new model's detections.
      lineage: facts shown as they are, title -> value.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "metric": _metric,
        "change": _change,
        "duration": _duration,
        "count": lambda number: f"{number:,}",
        "tiny": lambda number: f"{number:.1e}",
        "percent": lambda part: f"{part:.0%}",
    }
    conversion, training = records.conversion, records.training
    return environment.get_template(_TEMPLATE).render(
        detector=detector,
        comparison=comparison,
        new=comparison.candidate.metrics,
        old=comparison.baseline.metrics,
        gate_title=title_of(comparison.gate.metric),
        classes=_class_rows(comparison.candidate.metrics, comparison.baseline.metrics),
        conversion=conversion,
        block_titles=_BLOCK_TITLES,
        reasons_fresh=Counter(one.reason for one in conversion.of_state("fresh")).most_common(),
        reasons_dropped=Counter(one.reason for one in conversion.of_state("dropped")).most_common(),
        training=training,
        chart=loss_chart(training.history),
        statistics=records.statistics,
        split_sheets=records.split_sheets,
        finding_sheets=records.finding_sheets,
        quarantine=records.quarantine[:_QUARANTINE_SHOWN],
        quarantine_more=max(0, len(records.quarantine) - _QUARANTINE_SHOWN),
        quarantine_rules=Counter((row.code, row.rule) for row in records.quarantine).most_common(),
        findings=records.findings,
        config_diff=records.config_diff.splitlines(),
        pictures=pictures,
        score_shown=SCORE_SHOWN,
        lineage=lineage,
    )


def _class_rows(candidate: Metrics, baseline: Metrics) -> list[ClassRow]:
    return [
        ClassRow(
            key=key,
            name=new.display_name,
            boxes=new.groundtruth_boxes,
            baseline=baseline.by_class[key].mAP_50,
            candidate=new.mAP_50,
            mAP=new.mAP,
            recall=new.recall_50,
        )
        for key, new in candidate.by_class.items()
    ]


def _metric(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _change(new: float | None, old: float | None) -> str:
    return "–" if new is None or old is None else f"{new - old:+.3f}".replace("-", "−")


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
