"""Tells a detector's variables from what training leaves beside them.

A table, so that a new kind is one line.
"""

from __future__ import annotations

import re

MOVING_AVERAGE = "/ExponentialMovingAverage"
OPTIMIZER_SLOT = "optimizer slot"
_AVERAGE_STATE = "state of a moving average"
_QUANTISATION_RANGE = "range of quantisation-aware training: the float model is converted"

# Pattern of the TF1 name, and why the variable is not part of the model. The first match counts.
_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"^(global_step|.*/global_step)$", "step counter of training"),
        (r"/(Momentum|RMSProp(_\d+)?|Adam(_\d+)?|Adagrad|Adadelta(_\d+)?|Ftrl(_\d+)?)$", OPTIMIZER_SLOT),
        (r"^(.*/)?beta[12]_power(_\d+)?$", "optimizer state"),
        (MOVING_AVERAGE + "$", "moving average of a variable that the checkpoint does not hold"),
        (r"/(act_quant|weights_quant|\w*_quant)/", _QUANTISATION_RANGE),
        (r"/(biased|local_step)$", _AVERAGE_STATE),
        (r"/BatchNorm_Fold/", "state of batch norm folding in quantisation-aware training"),
        (r"^FirstStageFeatureExtractor/.*/block4/", "dead: the second stage has the live block4"),
        (r"^_CHECKPOINTABLE_OBJECT_GRAPH$", "object graph"),
    )
)


def reason_to_ignore(name: str) -> str | None:
    """Why a variable of this TF1 name is no part of the model; None if it may be one."""
    return next((reason for pattern, reason in _RULES if pattern.search(name)), None)


def is_quantisation_range(name: str) -> bool:
    """Whether a variable of this TF1 name is left by quantisation-aware training."""
    return reason_to_ignore(name) == _QUANTISATION_RANGE


def is_average_state(name: str) -> bool:
    """Whether a variable of this TF1 name says how far a moving average has come in training."""
    return reason_to_ignore(name) == _AVERAGE_STATE
