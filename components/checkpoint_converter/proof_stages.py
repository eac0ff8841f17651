"""What proofs of every kind of detector compare, and how they say that something differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from components.checkpoint_converter.match import Matched, match_detections
from components.checkpoint_converter.report import Proof
from detection.errors import Failed

TOLERANCE = 1e-4
DETECTIONS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")


@dataclass(frozen=True)
class Stage:
    """One step of the computation on one image: both models' values of it."""

    block: str
    tensor: str
    reference: np.ndarray
    converted: np.ndarray

    @property
    def difference(self) -> float:
        """Largest absolute difference, relative to the largest absolute value of the TF1 tensor."""
        return relative_difference(self.reference, self.converted)


@dataclass
class Tally:
    """The largest differences so far, over the proof's images."""

    images: int = 0
    raw: float = 0.0
    boxes: float = 0.0
    scores: float = 0.0
    pairs: int = 0

    def add(self, raw: float, found: Matched) -> None:
        """Count one image: its largest raw difference and its paired detections."""
        self.images += 1
        self.raw = max(self.raw, raw)
        self.boxes = max(self.boxes, found.max_difference_boxes)
        self.scores = max(self.scores, found.max_difference_scores)
        self.pairs += found.pairs

    def passed(self, image_source: str) -> Proof:
        """The proof, of which no image failed."""
        return Proof(
            images=self.images,
            image_source=image_source,
            max_difference_raw=self.raw,
            max_difference_boxes=self.boxes,
            max_difference_scores=self.scores,
            matched_detections=self.pairs,
            tolerance=TOLERANCE,
            passed=True,
        )


def relative_difference(reference: np.ndarray, converted: np.ndarray) -> float:
    """max |a - b| / max |a|; infinite if the shapes differ or a value is not finite."""
    if reference.shape != converted.shape:
        return float("inf")
    difference = np.abs(reference.astype(np.float64) - converted).max(initial=0.0)
    scale = np.abs(reference).max(initial=0.0)
    ratio = float(difference / scale) if scale > 0 else float(difference)
    return ratio if np.isfinite(ratio) else float("inf")


def score_threshold(model_config: Any) -> float:
    """The score that detections of a DetectionModel proto must exceed."""
    if model_config.WhichOneof("model") == "faster_rcnn":
        post_processing = model_config.faster_rcnn.second_stage_post_processing
    else:
        post_processing = model_config.ssd.post_processing
    return float(post_processing.batch_non_max_suppression.score_threshold)


def matched(reference: dict[str, np.ndarray], converted: dict[str, np.ndarray], threshold: float) -> Matched:
    """The detections of a batch of one image, paired; see match_detections."""
    first = [{name: values[name][0] for name in DETECTIONS} for values in (reference, converted)]
    return match_detections(first[0], first[1], TOLERANCE, threshold)


def first_difference(compared: list[Stage], number: int) -> Failed:
    """The error that names the first of the stages of proof image `number` that is beyond the tolerance."""
    first = next(stage for stage in compared if stage.difference > TOLERANCE)
    return failure(
        first.block, number, f"{first.tensor} differs by {first.difference:.1e} of its largest value"
    )


def failure(block: str, number: int, detail: str) -> Failed:
    """The error of a proof that failed in a block of the model."""
    return Failed(
        f"the converted model is not the TF1 model: the first block that differs is {block} ({detail}; "
        f"tolerance {TOLERANCE:.0e})",
        f"proof image {number}",
        "use the pipeline.config that the checkpoint was trained with; compare image_resizer, "
        "activation, batch_norm epsilon, anchors and post_processing, which have no variables and are not "
        "seen by loading",
    )
