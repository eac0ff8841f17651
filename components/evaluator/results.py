"""The evaluation's results, as written to metrics.json. No TensorFlow: anyone can read them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from detection.errors import Failed

METRICS_FILE = "metrics.json"
REPORT_FILE = "report.html"

MetricName = Literal["mAP", "mAP_50", "mAP_75"]


class ClassMetrics(BaseModel):
    """Average precision of one class; None where the evaluation set has no box of it."""

    display_name: str
    groundtruth_boxes: int
    mAP: float | None
    mAP_50: float | None
    mAP_75: float | None
    recall_50: float | None  # best recall at IoU 0.5 with at most 100 detections an image


class Metrics(BaseModel):
    """COCO metrics in [0, 1]; None where nothing in the evaluation set can be measured.

    `mAP` is the mean over IoU 0.50 to 0.95, `mAP_50` and `mAP_75` are those at one IoU. `by_size` has the
    mAP of small, medium and large objects.
    """

    images: int
    groundtruth_boxes: int
    mAP: float | None
    mAP_50: float | None
    mAP_75: float | None
    recall_50: float | None
    by_class: dict[str, ClassMetrics]
    by_size: dict[str, float | None]


class ModelEvaluation(BaseModel):
    """One model's metrics, with what had to be said about its classes."""

    title: str  # for people, for example "version 3" or "converted TF1 model"
    saved_model: str
    metrics: Metrics
    notes: list[str] = Field(default_factory=list)
    seconds: float


class GateSpec(BaseModel):
    """What a new model must reach: a value, and an improvement over the model it would replace."""

    model_config = ConfigDict(extra="forbid")

    metric: MetricName = "mAP_50"
    min_value: float = Field(default=0.0, ge=0.0, le=1.0)
    min_improvement: float = Field(default=0.0, ge=-1.0, le=1.0)


class Verdict(BaseModel):
    """The gate's decision; every reason is a full sentence."""

    blessed: bool
    reasons: list[str]


class Comparison(BaseModel):
    """The whole of metrics.json."""

    gate: GateSpec
    verdict: Verdict
    candidate: ModelEvaluation
    baseline: ModelEvaluation

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
