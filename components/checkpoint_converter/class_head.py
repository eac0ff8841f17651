"""Moves class rows from a checkpoint's head to a model's whose classes are others."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from components.checkpoint_converter.report import ClassHead

PRIOR = 0.01  # of a class before training, as RetinaNet starts: few anchors hold an object


@dataclass(frozen=True)
class _Layout:
    """Variables whose last axis is [groups, classes, width]; with `background`, class 0 is the background.

    `groups` is their number where it tells the variable from others of its name; None: whatever divides.
    """

    pattern: re.Pattern[str]
    background: bool
    width: int
    groups: int | None = None


# Last axes as the OD API reshapes them: box_predictor.py's heads, the second stage's refined boxes, R-FCN's
# maps (a group a bin), and the last of Mask R-CNN's convolutions.
_LAYOUTS = (
    _Layout(re.compile(r"BoxPredictor_\d+/ClassPredictor/(weights|biases)"), True, 1),
    _Layout(
        re.compile(
            r"WeightSharedConvolutionalBoxPredictor(_\d+)?/ClassPredictor/(weights|pointwise_weights|biases)"
        ),
        True,
        1,
    ),
    _Layout(re.compile(r"SecondStageBoxPredictor/ClassPredictor/(weights|biases)"), True, 1),
    _Layout(re.compile(r"SecondStageBoxPredictor/BoxEncodingPredictor/(weights|biases)"), False, 4),
    _Layout(re.compile(r"SecondStageBoxPredictor/class_predictions/(weights|biases)"), True, 1),
    _Layout(re.compile(r"SecondStageBoxPredictor/refined_locations/(weights|biases)"), False, 4),
    _Layout(re.compile(r"SecondStageBoxPredictor/Conv(_\d+)?/(weights|biases)"), False, 1, groups=1),
)


def carry_rows(
    name: str, old: np.ndarray, fresh: np.ndarray, head: ClassHead, prior_bias: float | None
) -> np.ndarray | None:
    """The model's value of a class head's variable: the checkpoint's rows where `head` has a source.

    Args:
      name: TF1 name of the variable.
      old: the checkpoint's value [..., groups * classes * width].
      fresh: the model's initial value, for as many classes as the model has.
      head: which class starts from which.
      prior_bias: bias of fresh class logits; None leaves the initial one.

    None if the variable has no axis of classes in both: then it is one like any other.
    """
    layout = next((layout for layout in _LAYOUTS if layout.pattern.fullmatch(name)), None)
    if layout is None:
        return None
    offset = int(layout.background)
    before = _by_class(old, head.classes_before + offset, layout)
    after = _by_class(fresh.copy(), head.classes_after + offset, layout)
    if before is None or after is None or before.shape[:-2] != after.shape[:-2]:
        return None
    if layout.background and prior_bias is not None and name.endswith("/biases"):
        after[..., offset:, :] = prior_bias
    if layout.background:
        after[..., 0, :] = before[..., 0, :]
    for row in head.rows:
        if row.source_id is not None:
            after[..., row.id - 1 + offset, :] = before[..., row.source_id - 1 + offset, :]
    return after.reshape(fresh.shape)


def class_ids(name: str, size: int, head: ClassHead) -> np.ndarray | None:
    """Whose each entry of the last axis of the model's class head is, by label map id; 0 is the background.

    Args:
      name: TF1 name of the variable.
      size: of its last axis.
      head: of the conversion that made the model.

    `[size]` int; None if the variable has no axis of classes.
    """
    layout = next((layout for layout in _LAYOUTS if layout.pattern.fullmatch(name)), None)
    if layout is None:
        return None
    offset = int(layout.background)
    places = _by_class(np.arange(size), head.classes_after + offset, layout)
    if places is None:
        return None
    ids = np.arange(1 - offset, head.classes_after + 1)
    return np.broadcast_to(ids[:, np.newaxis], places.shape).reshape(size)


def _by_class(value: np.ndarray, classes: int, layout: _Layout) -> np.ndarray | None:
    """[..., groups * classes * width] as [..., groups, classes, width]; None if it does not divide."""
    if value.ndim == 0 or value.shape[-1] % (classes * layout.width):
        return None
    by_class = value.reshape(*value.shape[:-1], -1, classes, layout.width)
    return by_class if layout.groups in (None, by_class.shape[-3]) else None


def prior_bias(model_config: Any) -> float | None:
    """The bias that fresh class logits start from: None unless each class has a sigmoid of its own.

    class_prediction_bias_init where the config sets it, else the logit of a probability of 0.01: a bias of 0
    would claim every class at every anchor with 0.5.
    """
    kind = model_config.WhichOneof("model")
    config = getattr(model_config, kind)
    loss = config.loss.classification_loss if kind == "ssd" else config.second_stage_classification_loss
    if "sigmoid" not in (loss.WhichOneof("classification_loss") or ""):
        return None
    predictor = config.box_predictor if kind == "ssd" else config.second_stage_box_predictor
    chosen = getattr(predictor, predictor.WhichOneof("box_predictor_oneof"))
    return getattr(chosen, "class_prediction_bias_init", 0.0) or math.log(PRIOR / (1 - PRIOR))
