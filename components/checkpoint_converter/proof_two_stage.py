"""The proof of a two-stage detector, each stage from the TF1 graph's own input to it.

End to end, the rows can't be compared: a rounding error of 1e-7 in a box that touches the image's border
decides whether crop_and_resize finds a feature there or zeros. So the second stage is compared on the TF1
graph's proposals, and the masks on its detections.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import tensorflow as tf

from components.checkpoint_converter.proof_context import proof_contexts
from components.checkpoint_converter.proof_detections import Paired, compare_detections
from components.checkpoint_converter.proof_stages import (
    Arrays,
    Stage,
    failure,
    preprocessing,
    require_equal,
)
from components.checkpoint_converter.report import Proof
from components.checkpoint_converter.tally import Tally
from detection.detector import Tensors
from detection.rpn import Proposals
from detection.tf1.frozen_graph import DETECTIONS, MASKS, FrozenDetector
from detection.tf1.two_stage_graph import TwoStageTensors
from detection.two_stage import MaskDetector, TwoStageDetector

_RPN = ("rpn_box_encodings", "rpn_objectness_predictions_with_background")
_SECOND = ("refined_box_encodings", "class_predictions_with_background")
# what is compared after the preprocessing, and the block it belongs to
_BLOCKS = {
    "features": "backbone",
    "rpn_box_encodings": "rpn",
    "rpn_objectness_predictions_with_background": "rpn",
    "anchors": "anchors",  # few of them become proposals
    "proposal_boxes_normalized": "proposals",
    "refined_box_encodings": "box_head",
    "class_predictions_with_background": "class_head",
    MASKS: "masks",
}


def prove_two_stage(
    model: TwoStageDetector,
    oracle: FrozenDetector,
    tensors: TwoStageTensors,
    images: list[np.ndarray],
    image_source: str,
    score_threshold: float,
) -> Proof:
    """As `prove`, for a two-stage detector whose TF1 graph has these `tensors`."""
    tally = Tally()
    for number, image in enumerate(images, start=1):
        stages: list[Stage] = []
        detections: list[Paired] = []
        for context in proof_contexts(oracle.context_shape, number):
            reference = _reference(oracle, tensors, image, context)
            with tf.device("/CPU:0"):  # a GPU's TF32 convolutions are coarser than the tolerance
                raw, predictions = _stages(model, reference, image, context, number)
            stages += raw
            converted = _detections(model, predictions)
            replay = partial(_detections, model, predictions | _given(reference, _SECOND))
            detections.append(compare_detections(reference, converted, replay, score_threshold, number))
        tally.add(stages, *detections)
    return tally.passed(image_source)


def _reference(
    oracle: FrozenDetector, tensors: TwoStageTensors, image: np.ndarray, context: Arrays
) -> Arrays:
    """What the TF1 graph computes for one image, in the shapes that a TwoStageDetector gives."""
    names = {name: tensor for name, tensor in tensors.by_name().items() if tensor is not None}
    outputs = {name: f"{name}:0" for name in oracle.detections}
    values = oracle.fetch([*names.values(), *outputs.values()], image[None], context)
    found = {name: values[tensor] for name, tensor in (names | outputs).items()}
    num_logits = found["class_predictions_with_background"].shape[-1]
    shapes = {
        "rpn_box_encodings": [1, -1, 4],
        "rpn_objectness_predictions_with_background": [1, -1, 2],
        "proposal_boxes_normalized": [1, -1, 4],
        "refined_box_encodings": [found["proposal_boxes_normalized"].size // 4, -1, 4],
        "class_predictions_with_background": [-1, num_logits],
    }
    return found | {name: found[name].reshape(shape) for name, shape in shapes.items()}


def _stages(
    model: TwoStageDetector, reference: Arrays, image: np.ndarray, context: Arrays, number: int
) -> tuple[list[Stage], Tensors]:
    """What the model computes, each stage from the reference's input to it; Failed at the first that differs.

    A stage is run when those before it are equal: with another network's shapes it might not run at all.
    Returns what was compared, and the model's predictions.
    """
    compared: list[Stage] = []

    def compare(values: Tensors) -> None:
        stages = [
            Stage(block, name, reference[name], values[name].numpy())
            for name, block in _BLOCKS.items()
            if name in values and name in reference
        ]
        require_equal(stages, number)
        compared.extend(stages)

    preprocessed = model.preprocess(tf.constant(image[None]))
    if "preprocessed" in reference:
        compared.append(preprocessing("preprocessed", reference["preprocessed"], preprocessed.numpy()))
        require_equal(compared, number)
    first = model.first_stage(preprocessed, training=False) | _given(context, tuple(context))
    compare(first)
    compare({"proposal_boxes_normalized": model.propose(first | _given(reference, _RPN)).boxes})
    boxes = reference["proposal_boxes_normalized"]
    count = np.any(boxes != 0.0, axis=-1).sum(axis=-1).astype(np.int32)
    second = model.second_stage(first, Proposals(tf.constant(boxes), tf.constant(count)), training=False)
    compare({name: second[name] for name in _SECOND})
    if MASKS in reference:
        if not (isinstance(model, MaskDetector) and model.has_masks):
            raise failure("masks", number, "the TF1 graph has masks, the converted model has none")
        detected = (tf.constant(reference[name]) for name in ("detection_boxes", "detection_classes"))
        compare({MASKS: model.masks(first | second, *detected)})
    return compared, first | second


def _given(reference: Arrays, names: tuple[str, ...]) -> Tensors:
    return {name: tf.constant(reference[name]) for name in names}


def _detections(model: TwoStageDetector, predictions: Tensors) -> Arrays:
    with tf.device("/CPU:0"):
        found = model.postprocess(predictions)
    return {name: found[name].numpy() for name in DETECTIONS}
