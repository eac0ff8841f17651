"""Proves that a converted model computes what its TF1 graph computes, from the same uint8 images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from components.checkpoint_converter.match import match_detections
from components.checkpoint_converter.report import Proof
from detection.builder import block_of
from detection.errors import Failed
from detection.tf1.frozen_graph import FrozenDetector

TOLERANCE = 1e-4
RAW = ("box_encodings", "class_predictions_with_background")
RAW_BLOCKS = dict(zip(RAW, ("box_head", "class_head"), strict=True))
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


def relative_difference(reference: np.ndarray, converted: np.ndarray) -> float:
    """max |a - b| / max |a|; infinite if the shapes differ or a value is not finite."""
    if reference.shape != converted.shape:
        return float("inf")
    difference = np.abs(reference.astype(np.float64) - converted).max(initial=0.0)
    scale = np.abs(reference).max(initial=0.0)
    ratio = float(difference / scale) if scale > 0 else float(difference)
    return ratio if np.isfinite(ratio) else float("inf")


def prove(
    model: Any, oracle: FrozenDetector, images: list[np.ndarray], image_source: str, score_threshold: float
) -> Proof:
    """Compare `model`, an SSD with the checkpoint's classes, with the TF1 graph on uint8 [h, w, 3] images.

    Raw predictions must agree within 1e-4 of the tensor's largest value; detections pair one to one within
    1e-4 in coordinates and scores. Failed otherwise, naming the first block that differs.
    """
    if oracle.raw is None:
        raise Failed(
            "the raw predictions can't be found in the TF1 graph: nothing enters a Postprocessor as SSD's do",
            "the TF1 graph",
            "convert from the checkpoint and its pipeline.config instead of the frozen graph",
        )

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
    def detect(image: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/CPU:0"):  # a GPU's TF32 convolutions are coarser than the tolerance
            predictions = model(model.preprocess(image), training=False)
            return {name: predictions[name] for name in RAW} | model.postprocess(predictions)

    raw = boxes = scores = 0.0
    pairs = 0
    for number, image in enumerate(images, start=1):
        reference = oracle.run(image[None])
        converted = {name: value.numpy() for name, value in detect(image[None]).items()}
        worst = max(relative_difference(reference[name], converted[name]) for name in RAW)
        if worst > TOLERANCE:
            raise _difference_found(model, oracle, image, number, reference, converted)
        raw = max(raw, worst)
        matched = _matched(reference, converted, score_threshold)
        if matched.unmatched:
            # An overlap at the NMS threshold can fall either way by rounding. Then the post-processing itself
            # still gives the TF1 graph's detections from the TF1 graph's own raw predictions.
            again = model.postprocess({name: tf.constant(reference[name]) for name in RAW})
            replayed = _matched(
                reference, {name: again[name].numpy() for name in DETECTIONS}, score_threshold
            )
            if replayed.unmatched:
                raise _failed("postprocessing", number, "; ".join(matched.unmatched[:3]))
        pairs += matched.pairs
        boxes = max(boxes, matched.max_difference_boxes)
        scores = max(scores, matched.max_difference_scores)
    return Proof(
        images=len(images),
        image_source=image_source,
        max_difference_raw=raw,
        max_difference_boxes=boxes,
        max_difference_scores=scores,
        matched_detections=pairs,
        tolerance=TOLERANCE,
        passed=True,
    )


def _matched(reference: dict[str, np.ndarray], converted: dict[str, np.ndarray], threshold: float) -> Any:
    first = [{name: values[name][0] for name in DETECTIONS} for values in (reference, converted)]
    return match_detections(first[0], first[1], TOLERANCE, threshold)


def stages(model: Any, oracle: FrozenDetector, image: np.ndarray) -> list[Stage]:
    """Both models' intermediate values on one image uint8 [h, w, 3], in the order of computation."""
    assert oracle.raw is not None
    names = [name for name in (oracle.raw.preprocessed, *oracle.raw.feature_maps) if name is not None]
    reference = oracle.fetch(names, image[None])
    preprocessed = model.preprocess(tf.constant(image[None]))
    found: list[Stage] = []
    if oracle.raw.preprocessed is not None:
        name = oracle.raw.preprocessed
        found.append(Stage("preprocessing", name, reference[name], preprocessed.numpy()))
    maps = model.feature_extractor(preprocessed, training=False)
    for name, features in zip(oracle.raw.feature_maps, maps, strict=False):
        found.append(Stage(block_of(name), name, reference[name], features.numpy()))
    return found


def _difference_found(
    model: Any,
    oracle: FrozenDetector,
    image: np.ndarray,
    number: int,
    reference: dict[str, np.ndarray],
    converted: dict[str, np.ndarray],
) -> Failed:
    compared = stages(model, oracle, image)
    compared += [Stage(RAW_BLOCKS[name], name, reference[name], converted[name]) for name in RAW]
    first = next(stage for stage in compared if stage.difference > TOLERANCE)
    return _failed(
        first.block, number, f"{first.tensor} differs by {first.difference:.1e} of its largest value"
    )


def _failed(block: str, number: int, detail: str) -> Failed:
    return Failed(
        f"the converted model is not the TF1 model: the first block that differs is {block} ({detail}; "
        f"tolerance {TOLERANCE:.0e})",
        f"proof image {number}",
        "use the pipeline.config that the checkpoint was trained with; compare image_resizer, "
        "activation, batch_norm "
        "epsilon, anchors and post_processing, which have no variables and are not seen by loading",
    )
