"""What a TF1 detector's variables say about it, without building the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from detection.errors import BadInput

BOX_CODE_SIZE = 4
EXTRACTOR_SCOPE = re.compile(r"^((First|Second)Stage)?FeatureExtractor/")

# Scope of the class head, and of the box head that shares its anchors (None: one prediction, no anchors).
_HEADS: tuple[tuple[str, str | None], ...] = (
    (r"BoxPredictor_\d+/ClassPredictor", "BoxEncodingPredictor"),
    (r"WeightSharedConvolutionalBoxPredictor(_\d+)?/ClassPredictor", "BoxPredictor"),
    (r"SecondStageBoxPredictor/ClassPredictor", None),
)
_BINS_OF_CLASSES = "SecondStageBoxPredictor/class_predictions/biases"  # R-FCN's: bins x (classes + 1)
_BINS_OF_BOXES = "SecondStageBoxPredictor/refined_locations/biases"  # and bins x classes x 4


def is_classification(variables: Iterable[str]) -> bool:
    """Whether these are the variables of a slim classifier: no extractor's scope and no box predictor."""
    return not any(EXTRACTOR_SCOPE.match(name) or "BoxPredictor" in name for name in variables)


def checkpoint_num_classes(variables: Mapping[str, np.ndarray]) -> int:
    """Number of classes, background excluded, from the shapes of the heads.

    A single-shot head predicts anchors x (classes + 1) logits where its box head predicts anchors x 4 values,
    R-FCN bins x (classes + 1) where its box head predicts bins x classes x 4.
    BadInput if no class head is found or the levels disagree.
    """
    found = {name: count for name in variables if (count := _classes_of(name, variables)) is not None}
    if _BINS_OF_CLASSES in variables and _BINS_OF_BOXES in variables:
        boxes = variables[_BINS_OF_BOXES].size // BOX_CODE_SIZE
        bins = variables[_BINS_OF_CLASSES].size - boxes
        found[_BINS_OF_CLASSES] = boxes // max(bins, 1)
    counts = set(found.values())
    if not counts:
        raise BadInput(
            "no class predictor among the variables: this is not a detector, perhaps a "
            "classification checkpoint",
            f"{len(variables)} variables, such as {next(iter(sorted(variables)), 'none')}",
            "give the checkpoint of a detector trained with the Object Detection API",
        )
    if len(counts) > 1:
        raise BadInput(
            f"the class predictors disagree about the number of classes: {sorted(counts)}",
            ", ".join(sorted(found)[:4]),
            "give a checkpoint of one model; this one mixes several or its background column is unusual",
        )
    return counts.pop()


def _classes_of(name: str, variables: Mapping[str, np.ndarray]) -> int | None:
    scope, _, leaf = name.rpartition("/")
    if leaf != "biases":
        return None
    for class_scope, box_layer in _HEADS:
        if re.fullmatch(class_scope, scope):
            logits = variables[name].shape[-1]
            if box_layer is None:
                return logits - 1
            boxes = variables.get(f"{scope.rsplit('/', 1)[0]}/{box_layer}/biases")
            if boxes is None or logits % max(boxes.shape[-1] // BOX_CODE_SIZE, 1):
                return None
            return logits // (boxes.shape[-1] // BOX_CODE_SIZE) - 1
    return None
