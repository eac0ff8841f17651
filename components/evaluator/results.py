"""The evaluation's results, as written to metrics.json. No TensorFlow: anyone can read them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from components.evaluator.options import GateOptions, MetricName
from detection.errors import Failed

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"


class ClassMetrics(BaseModel):
    """Average precision of one class; None where the evaluation set has no object of it to be found."""

    display_name: str
    groundtruth_boxes: int
    mAP: float | None
    mAP_50: float | None
    mAP_75: float | None
    recall_50: float | None  # best recall at IoU 0.5 with at most 100 detections an image
    by_size: dict[str, float | None] = {}  # mAP of small, medium and large objects


class Metrics(BaseModel):
    """COCO's metrics in [0, 1]; None where nothing in the evaluation set can be measured.

    `mAP` is the mean over IoU 0.50 to 0.95, `mAP_50` and `mAP_75` are those at one IoU. `by_size` has the
    mAP of small, medium and large objects. `average_recall` has COCO's AR by the most detections an image
    and class, 1, 10 and 100; `average_recall_by_size` has it by size, with 100.
    """

    images: int
    groundtruth_boxes: int
    mAP: float | None
    mAP_50: float | None
    mAP_75: float | None
    recall_50: float | None
    by_class: dict[str, ClassMetrics]
    by_size: dict[str, float | None]
    average_recall: dict[str, float | None] = {}
    average_recall_by_size: dict[str, float | None] = {}

    def coco(self) -> dict[str, float | None]:
        """COCO's 12 numbers in COCO's order, by their usual names."""
        sizes = {"s": "small", "m": "medium", "l": "large"}
        return {
            "AP": self.mAP,
            "AP50": self.mAP_50,
            "AP75": self.mAP_75,
            **{f"AP{letter}": self.by_size.get(size) for letter, size in sizes.items()},
            **{f"AR{count}": self.average_recall.get(count) for count in ("1", "10", "100")},
            **{f"AR{letter}": self.average_recall_by_size.get(size) for letter, size in sizes.items()},
        }


class VocMetrics(BaseModel):
    """PASCAL VOC's average precision at IoU 0.5, as of 2007 (11 points) or 2012 (area), by class."""

    mean: float | None
    by_class: dict[str, float | None]


class OperatingCounts(BaseModel):
    """What a class, or all, comes to at the operating score; None where nothing can be divided."""

    groundtruth: int
    detections: int
    true_positives: int
    precision: float | None
    recall: float | None
    f1: float | None


class OperatingPoint(BaseModel):
    """Detections with at least `score`, at IoU 0.5; `source` says where the score is from."""

    score: float
    source: Literal["given", "best F1", "nothing found"]
    all: OperatingCounts
    by_class: dict[str, OperatingCounts]


class ConfusionMatrix(BaseModel):
    """Objects (rows) by what they were taken for (columns), at IoU 0.5 and the operating score.

    The last row is the background: detections of nothing. The last column is what was not found.
    """

    classes: list[str]
    counts: list[list[int]]


class CalibrationBin(BaseModel):
    """Detections whose scores lie in [low, high): how sure they were, and how often they were right."""

    low: float
    high: float
    detections: int
    mean_score: float | None
    precision: float | None


class Calibration(BaseModel):
    """Reliability of the scores; `error` is the expected calibration error (ECE)."""

    error: float | None
    bins: list[CalibrationBin]


class PrecisionRecall(BaseModel):
    """COCO's interpolated precision at IoU 0.5 at the recalls 0, 0.01, ... 1."""

    precision: list[float]


class Analysis(BaseModel):
    """What is behind a model's average precision."""

    voc_2007: VocMetrics
    voc_2012: VocMetrics
    operating_point: OperatingPoint
    confusion: ConfusionMatrix
    calibration: Calibration
    curves: dict[str, PrecisionRecall]


class ServingCost(BaseModel):
    """What one image costs: median milliseconds, batch 1, warmed, on `device`; the model's 10^6 bytes."""

    latency_ms: float
    image_size: tuple[int, int]  # width, height in pixels
    device: str
    size_mb: float


class ModelEvaluation(BaseModel):
    """One model's metrics, with what had to be said about its classes. `masks` are metrics of its masks."""

    title: str  # for people, for example "version 3" or "converted TF1 model"
    saved_model: str
    metrics: Metrics
    notes: list[str] = Field(default_factory=list)
    seconds: float
    masks: Metrics | None = None
    analysis: Analysis | None = None


class Difference(BaseModel):
    """A metric of two models on the same images; `low` to `high` is the interval of `candidate - baseline`.

    None where nothing can be measured, or in too many resamples.
    """

    candidate: float | None
    baseline: float | None
    low: float | None = None
    high: float | None = None


class Differences(BaseModel):
    """The metric's three kinds for all images, and each class's AP by the gate's metric."""

    overall: dict[MetricName, Difference]
    by_class: dict[str, Difference]


class SliceResult(BaseModel):
    """One part of the images, measured by the gate's metric; a part that is too small decides nothing."""

    name: str
    images: int
    groundtruth_boxes: int
    too_small: bool
    difference: Difference


class OldClasses(BaseModel):
    """The classes that the TF1 model knew, by the gate's metric, on one evaluation set.

    `tf1` is what the converted TF1 model itself reaches, with the interval of `candidate - tf1`.
    """

    where: Literal["evaluation set", "old evaluation set"]
    classes: list[str]
    images: int
    against_baseline: Difference
    against_tf1: Difference


class GateRule(BaseModel):
    """One thing that the gate asks. `limit` is the least or most that is allowed."""

    rule: str
    passed: bool
    measured: float | None
    limit: float | None
    sentence: str


class Verdict(BaseModel):
    """The gate's decision: blessed if every rule is passed."""

    blessed: bool
    rules: list[GateRule] = []

    @property
    def reasons(self) -> list[str]:
        """A sentence for each rule, those that refuse first."""
        return [rule.sentence for rule in sorted(self.rules, key=lambda rule: rule.passed)]


class Comparison(BaseModel):
    """The whole of metrics.json. `tf1` is there where the baseline is not the converted TF1 model itself."""

    gate: GateOptions
    verdict: Verdict
    candidate: ModelEvaluation
    baseline: ModelEvaluation
    tf1: ModelEvaluation | None = None
    differences: Differences | None = None
    slices: list[SliceResult] = []
    old_classes: list[OldClasses] = []
    cost: ServingCost | None = None
    confidence: float = 0.95

    def facts(self) -> dict[str, float | int | str | None]:
        """Return the few numbers that a published version's manifest keeps."""
        new, old = self.candidate.metrics, self.baseline.metrics
        return {
            "mAP": new.mAP,
            "mAP_50": new.mAP_50,
            "mAP_75": new.mAP_75,
            "baseline": self.baseline.title,
            "baseline_mAP": old.mAP,
            "baseline_mAP_50": old.mAP_50,
            "baseline_mAP_75": old.mAP_75,
            "images": new.images,
        }


def read_comparison(evaluation_dir: Path) -> Comparison:
    """Return the comparison in an Evaluation artifact's directory; raises Failed if it is not readable."""
    path = evaluation_dir / METRICS_FILE
    try:
        return Comparison.model_validate_json(path.read_text())
    except (OSError, ValidationError) as error:
        raise Failed(
            f"the evaluation's metrics can't be read ({type(error).__name__})",
            str(path),
            "run the Evaluator again, with --force if its result is cached",
        ) from error
