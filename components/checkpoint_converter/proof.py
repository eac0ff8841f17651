"""Proves that a converted model computes what its TF1 graph computes, from the same uint8 images."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from components.checkpoint_converter.proof_stages import (
    DETECTIONS,
    TOLERANCE,
    Stage,
    Tally,
    failure,
    first_difference,
    matched,
    relative_difference,
)
from components.checkpoint_converter.proof_two_stage import prove_two_stage
from components.checkpoint_converter.report import Proof
from detection.builder import block_of
from detection.errors import Failed
from detection.faster_rcnn import FasterRCNN
from detection.tf1.frozen_graph import FrozenDetector

RAW = ("box_encodings", "class_predictions_with_background")
RAW_BLOCKS = dict(zip(RAW, ("box_head", "class_head"), strict=True))


def prove(
    model: Any, oracle: FrozenDetector, images: list[np.ndarray], image_source: str, score_threshold: float
) -> Proof:
    """Compare a detector with the checkpoint's classes with the TF1 graph, on uint8 [h, w, 3] images.

    Raw predictions must agree within 1e-4 of the tensor's largest value; detections pair one to one within
    1e-4 in coordinates and scores. Failed otherwise, naming the first block that differs.
    """
    is_two_stage = isinstance(model, FasterRCNN)
    if is_two_stage and oracle.two_stage is not None:
        return prove_two_stage(model, oracle, oracle.two_stage, images, image_source, score_threshold)
    if is_two_stage or oracle.raw is None:
        wanted = "two stages as Faster R-CNN's" if is_two_stage else "what enters a Postprocessor as SSD's do"
        raise Failed(
            f"the raw predictions can't be found in the TF1 graph: it has not {wanted}",
            "the TF1 graph",
            "convert from the checkpoint and its pipeline.config instead of the frozen graph",
        )

    @tf.function(input_signature=[tf.TensorSpec([1, None, None, 3], tf.uint8)])
    def detect(image: tf.Tensor) -> dict[str, tf.Tensor]:
        with tf.device("/CPU:0"):  # a GPU's TF32 convolutions are coarser than the tolerance
            predictions = model(model.preprocess(image), training=False)
            return {name: predictions[name] for name in RAW} | model.postprocess(predictions)

    tally = Tally()
    for number, image in enumerate(images, start=1):
        reference = oracle.run(image[None])
        converted = {name: value.numpy() for name, value in detect(image[None]).items()}
        worst = max(relative_difference(reference[name], converted[name]) for name in RAW)
        if worst > TOLERANCE:
            raise _difference_found(model, oracle, image, number, reference, converted)
        found = matched(reference, converted, score_threshold)
        if found.unmatched:
            # An overlap at the NMS threshold can fall either way by rounding. Then the post-processing itself
            # still gives the TF1 graph's detections from the TF1 graph's own raw predictions.
            again = model.postprocess({name: tf.constant(reference[name]) for name in RAW})
            replayed = matched(reference, {name: again[name].numpy() for name in DETECTIONS}, score_threshold)
            if replayed.unmatched:
                raise failure("postprocessing", number, "; ".join(found.unmatched[:3]))
        tally.add(worst, found)
    return tally.passed(image_source)


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
    return first_difference(compared, number)
