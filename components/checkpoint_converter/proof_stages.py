"""What proofs of every kind of detector compare, and how they say that something differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from detection.errors import Failed

TOLERANCE = 1e-4
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Stage:
    """One step of the computation on one image: both models' values of it."""

    block: str
    tensor: str
    reference: np.ndarray
    converted: np.ndarray

    @property
    def absolute(self) -> float:
        """Largest absolute difference; infinite if the shapes differ or a value is not finite."""
        if self.reference.shape != self.converted.shape:
            return float("inf")
        differences = np.abs(self.reference.astype(np.float64) - self.converted)
        largest = float(differences.max(initial=0.0))
        return largest if np.isfinite(largest) else float("inf")

    @property
    def relative(self) -> float:
        """`absolute` by the largest absolute value of the TF1 tensor."""
        scale = float(np.abs(self.reference).max(initial=0.0))
        return self.absolute / scale if scale > 0 else self.absolute


def preprocessing(tensor: str, reference: np.ndarray, converted: np.ndarray) -> Stage:
    """The stage of the preprocessed images, `[B, H, W, 3]` of the TF1 graph and `[B, h, w, 3]` of the model.

    A model may pad the preprocessed image inside its network, so the TF1 graph's padding is left out.
    """
    height, width = converted.shape[1:3]
    return Stage("preprocessing", tensor, reference[:, :height, :width], converted)


def require_equal(compared: list[Stage], number: int) -> None:
    """Failed, naming the first of the stages of proof image `number` that is beyond the tolerance, if any."""
    for stage in compared:
        if stage.relative > TOLERANCE:
            detail = f"{stage.tensor} differs by {stage.relative:.1e} of its largest value"
            raise failure(stage.block, number, detail)


def score_threshold(model_config: Any) -> float:
    """The score that detections of a DetectionModel proto must exceed."""
    if model_config.WhichOneof("model") == "faster_rcnn":
        post_processing = model_config.faster_rcnn.second_stage_post_processing
    else:
        post_processing = model_config.ssd.post_processing
    return float(post_processing.batch_non_max_suppression.score_threshold)


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
