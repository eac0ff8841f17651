"""The proof of a two-stage detector, each stage from the TF1 graph's own input to it.

End to end, the rows can't be compared: a rounding error of 1e-7 in a proposal that touches the image's border
decides whether crop_and_resize finds a feature there or zeros.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from components.checkpoint_converter.match import Matched
from components.checkpoint_converter.proof_stages import (
    DETECTIONS,
    TOLERANCE,
    Stage,
    Tally,
    failure,
    first_difference,
    matched,
)
from components.checkpoint_converter.report import Proof
from detection.faster_rcnn import FasterRCNN
from detection.rpn import Proposals
from detection.tf1.frozen_graph import FrozenDetector
from detection.tf1.two_stage_graph import TwoStageTensors

Arrays = dict[str, np.ndarray]

# what is compared, in the order of computation, and the block it belongs to
_BLOCKS = {
    "preprocessed": "preprocessing",
    "features": "backbone",
    "rpn_box_encodings": "rpn",
    "rpn_objectness_predictions_with_background": "rpn",
    "proposal_boxes_normalized": "proposals",
    "refined_box_encodings": "box_head",
    "class_predictions_with_background": "class_head",
}


def prove_two_stage(
    model: FasterRCNN,
    oracle: FrozenDetector,
    tensors: TwoStageTensors,
    images: list[np.ndarray],
    image_source: str,
    score_threshold: float,
) -> Proof:
    """As `prove`, for a two-stage detector whose TF1 graph has these `tensors`."""
    tally = Tally()
    for number, image in enumerate(images, start=1):
        reference = _reference(oracle, tensors, image)
        with tf.device("/CPU:0"):  # a GPU's TF32 convolutions are coarser than the tolerance
            converted = _converted(model, reference, image)
        compared = [
            Stage(block, name, reference[name], converted[name])
            for name, block in _BLOCKS.items()
            if name in reference
        ]
        worst = max(stage.difference for stage in compared)
        if worst > TOLERANCE:
            raise first_difference(compared, number)
        found = matched(reference, converted, score_threshold)
        if found.unmatched:
            found = _replayed(model, reference, converted, score_threshold)
        if found.unmatched:
            raise failure("postprocessing", number, "; ".join(found.unmatched[:3]))
        tally.add(worst, found)
    return tally.passed(image_source)


def _reference(oracle: FrozenDetector, tensors: TwoStageTensors, image: np.ndarray) -> Arrays:
    """What the TF1 graph computes for one image, in the shapes that FasterRCNN gives."""
    names = {name: tensor for name, tensor in tensors.by_name().items() if tensor is not None}
    outputs = {name: f"{name}:0" for name in DETECTIONS}
    values = oracle.fetch([*names.values(), *outputs.values()], image[None])
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


def _converted(model: FasterRCNN, reference: Arrays, image: np.ndarray) -> Arrays:
    """What the model computes: each stage from the reference's input to it."""
    preprocessed = model.preprocess(tf.constant(image[None]))
    first = model.first_stage(preprocessed, training=False)
    if first["rpn_box_encodings"].shape == reference["rpn_box_encodings"].shape:
        proposed = model.propose(first | {name: tf.constant(reference[name]) for name in _RPN}).boxes
    else:  # another network; the comparison of the stages says where
        proposed = model.propose(first).boxes
    boxes = reference["proposal_boxes_normalized"]
    count = np.any(boxes != 0.0, axis=-1).sum(axis=-1).astype(np.int32)
    second = model.second_stage(first, Proposals(tf.constant(boxes), tf.constant(count)), training=False)
    values = first | second | model.postprocess(first | second)
    values |= {"preprocessed": preprocessed, "proposal_boxes_normalized": proposed}
    return {name: value.numpy() for name, value in values.items()}


def _replayed(model: FasterRCNN, reference: Arrays, converted: Arrays, threshold: float) -> Matched:
    """The post-processing alone, from the TF1 graph's raw predictions.

    An overlap at the NMS threshold can fall either way by rounding.
    """
    names = ("proposal_boxes", "num_proposals", "image_size")
    inputs = {name: tf.constant(converted[name]) for name in names}
    inputs |= {name: tf.constant(reference[name]) for name in _SECOND}
    again = model.postprocess(inputs)
    return matched(reference, {name: again[name].numpy() for name in DETECTIONS}, threshold)


_RPN = ("rpn_box_encodings", "rpn_objectness_predictions_with_background")
_SECOND = ("refined_box_encodings", "class_predictions_with_background")
