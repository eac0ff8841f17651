"""The rows of the report's tables about metrics."""

from __future__ import annotations

from dataclasses import dataclass

from components.evaluator.options import MetricName
from components.evaluator.results import (
    Analysis,
    Comparison,
    Difference,
    Metrics,
    ModelEvaluation,
    OperatingCounts,
)

_MATRIX_AT_MOST = 16  # classes; of more, the table of pairs is easier to read
_PAIRS_SHOWN = 20
_COCO_TITLES = {
    "AP": "AP, mean over IoU 0.50 to 0.95",
    "AP50": "AP at IoU 0.5",
    "AP75": "AP at IoU 0.75",
    "APs": "AP, small objects",
    "APm": "AP, medium objects",
    "APl": "AP, large objects",
    "AR1": "AR, 1 detection",
    "AR10": "AR, 10 detections",
    "AR100": "AR, 100 detections",
    "ARs": "AR, small objects",
    "ARm": "AR, medium objects",
    "ARl": "AR, large objects",
}
_WITH_INTERVAL: dict[str, MetricName] = {"AP": "mAP", "AP50": "mAP_50", "AP75": "mAP_75"}


@dataclass(frozen=True)
class MetricRow:
    """A number of both models (and of the TF1 model, where it is not the baseline)."""

    title: str
    baseline: float | None
    candidate: float | None
    tf1: float | None
    interval: Difference | None


@dataclass(frozen=True)
class ClassRow:
    """One class in the comparison; values are None where the evaluation set has no box of it.

    `key` is its name in the data, `name` the one for people; `baseline` and `candidate` are AP@0.5.
    """

    key: str
    name: str
    boxes: int
    baseline: float | None
    candidate: float | None
    interval: Difference | None
    mAP: float | None  # noqa: N815 (the metric's name)
    by_size: dict[str, float | None]
    voc_2007: float | None
    voc_2012: float | None
    operating: OperatingCounts | None


@dataclass(frozen=True)
class Cell:
    """A count of the confusion matrix, its share of the row, and whether it is right."""

    count: int
    share: float
    right: bool


@dataclass(frozen=True)
class Confusions:
    """The matrix as rows of cells, or for many classes the most frequent pairs (truth, found, count)."""

    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    pairs: list[tuple[str, str, int]]


def metric_rows(comparison: Comparison) -> list[MetricRow]:
    """COCO's 12 numbers, of masks too where there are any, and PASCAL VOC's two."""
    overall = comparison.differences.overall if comparison.differences else {}
    intervals = {title: overall.get(name) for title, name in _WITH_INTERVAL.items()}
    models = (comparison.baseline, comparison.candidate, comparison.tf1)
    rows = _coco_rows([model.metrics if model else None for model in models], "", intervals)
    if comparison.candidate.masks:
        rows += _coco_rows([model.masks if model else None for model in models], "Masks: ", {})
    for year in (2007, 2012):
        baseline, candidate, tf1 = (_voc_mean(model, year) for model in models)
        rows.append(MetricRow(f"PASCAL VOC {year}", baseline, candidate, tf1, None))
    return rows


def _coco_rows(
    models: list[Metrics | None], prefix: str, intervals: dict[str, Difference | None]
) -> list[MetricRow]:
    """Rows of the baseline, the candidate and the TF1 model."""
    numbers = [model.coco() if model else {} for model in models]
    rows = []
    for key, title in _COCO_TITLES.items():
        baseline, candidate, tf1 = (one.get(key) for one in numbers)
        rows.append(MetricRow(prefix + title, baseline, candidate, tf1, intervals.get(key)))
    return rows


def class_rows(comparison: Comparison) -> list[ClassRow]:
    """One row a class, in the order of the label map."""
    old, new = comparison.baseline.metrics.by_class, comparison.candidate.metrics.by_class
    by_class = comparison.differences.by_class if comparison.differences else {}
    analysis = comparison.candidate.analysis
    return [
        ClassRow(
            key=key,
            name=one.display_name,
            boxes=one.groundtruth_boxes,
            baseline=old[key].mAP_50,
            candidate=one.mAP_50,
            interval=by_class.get(key),
            mAP=one.mAP,
            by_size=one.by_size,
            voc_2007=analysis.voc_2007.by_class[key] if analysis else None,
            voc_2012=analysis.voc_2012.by_class[key] if analysis else None,
            operating=analysis.operating_point.by_class[key] if analysis else None,
        )
        for key, one in new.items()
    ]


def confusions(analysis: Analysis, names: dict[str, str]) -> Confusions:
    """The confusion matrix for people; `names` are the classes' names for them."""
    titles = [names[one] for one in analysis.confusion.classes]
    rows = []
    pairs = []
    for index, counts in enumerate(analysis.confusion.counts):
        total = max(sum(counts), 1)
        title = titles[index] if index < len(titles) else "background"
        cells = [Cell(count, count / total, place == index) for place, count in enumerate(counts)]
        rows.append((title, cells))
        for place, count in enumerate(counts):
            if count and place != index:
                pairs.append((title, titles[place] if place < len(titles) else "not found", count))
    pairs.sort(key=lambda one: -one[2])
    if len(titles) > _MATRIX_AT_MOST:
        return Confusions([], [], pairs[:_PAIRS_SHOWN])
    return Confusions([*titles, "not found"], rows, [])


def _voc_mean(model: ModelEvaluation | None, year: int) -> float | None:
    if model is None or model.analysis is None:
        return None
    return (model.analysis.voc_2007 if year == 2007 else model.analysis.voc_2012).mean
