"""What proofs of every kind of detector compare, and how they say that something differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from detection.errors import Failed

TOLERANCE = 1e-4
_ANY = "image_resizer, activation, batch_norm epsilon, anchors and post_processing"
# by block, the fields of the pipeline.config that decide alone
_FIELDS = {
    "preprocessing": "image_resizer and feature_extractor.type",
    "anchors": "anchor_generator, of two stages first_stage_anchor_generator",
    "proposals": "first_stage_nms_iou_threshold, its score_threshold and first_stage_max_proposals",
    "box_coder": "box_coder",
    "score_converter": "post_processing: score_converter and logit_scale",
    "postprocessing": "post_processing, of two stages second_stage_post_processing",
    "non_max_suppression": "post_processing.batch_non_max_suppression",
}
# A frozen graph holds its own thresholds and limits; a checkpoint's graph is built with the config's.
_CHOSEN = (
    "; where the config's values are meant, and the graph is a frozen one: convert with the graph's values, "
    "write the TF1 checkpoint with `upcycle convert --reverse`, and convert that with yours"
)
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
        absolute, scale = self.absolute, float(np.abs(self.reference).max(initial=0.0))
        return absolute / scale if scale > 0 and np.isfinite(absolute) else absolute

    def describe(self) -> str:
        """How the values differ, for people."""
        shapes = tuple(self.reference.shape), tuple(self.converted.shape)
        if shapes[0] != shapes[1]:
            return f"{self.tensor} has shape {shapes[0]} in the TF1 graph, {shapes[1]} in the converted model"
        if not np.isfinite(self.converted).all():
            return f"{self.tensor} is not finite (NaN or infinite) in the converted model"
        return f"{self.tensor} differs by {self.relative:.1e} of its largest value"


def preprocessing(tensor: str, reference: np.ndarray, converted: np.ndarray) -> Stage:
    """The stage of the preprocessed images, `[B, H, W, 3]` of the TF1 graph and `[B, h, w, 3]` of the model.

    A model may pad the preprocessed image inside its network, so the TF1 graph's padding is left out.
    """
    height, width = converted.shape[1:3]
    return Stage("preprocessing", tensor, reference[:, :height, :width], converted)


def require_equal(compared: list[Stage], number: int | None) -> None:
    """Failed, naming the first of the stages that is beyond the tolerance; `number` as in `failure`."""
    for stage in compared:
        if not np.isfinite(stage.reference).all():
            raise Failed(
                f"the TF1 model itself computes numbers that are not finite (NaN or infinite), first in "
                f"{stage.block} ({stage.tensor})",
                _where(number),
                "its training went wrong before this checkpoint: give an earlier one",
            )
        if stage.relative > TOLERANCE:
            raise failure(stage.block, number, stage.describe())


def score_threshold(model_config: Any) -> float:
    """The score that detections of a DetectionModel proto must exceed."""
    if model_config.WhichOneof("model") == "faster_rcnn":
        post_processing = model_config.faster_rcnn.second_stage_post_processing
    else:
        post_processing = model_config.ssd.post_processing
    return float(post_processing.batch_non_max_suppression.score_threshold)


def failure(block: str, number: int | None, detail: str) -> Failed:
    """The error of a proof that failed in a block, on proof image `number`, or on drawn raw predictions."""
    return Failed(
        f"the converted model is not the TF1 model: the first block that differs is {block} ({detail}; "
        f"tolerance {TOLERANCE:.0e})",
        _where(number),
        f"use the pipeline.config that the checkpoint was trained with; compare {_FIELDS.get(block, _ANY)}, "
        "which loading does not see, since it has no variables"
        + (_CHOSEN if block == "non_max_suppression" else ""),
    )


def _where(number: int | None) -> str:
    return (
        "drawn raw predictions, which both sides post-process" if number is None else f"proof image {number}"
    )
