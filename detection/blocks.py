"""Which part of a detector a TF1 variable belongs to."""

from __future__ import annotations

import re

# in the order of computation, as reports list them
BLOCKS = ("backbone", "feature_maps", "fpn", "rpn", "attention", "box_head", "class_head", "masks")

# The first pattern that matches a name's beginning decides; whatever matches none is backbone.
_PATTERNS = tuple(
    (re.compile(pattern), block)
    for pattern, block in (
        (r"(Conv|FirstStageBoxPredictor)/", "rpn"),
        (r"((Self)?AttentionBlock|fully_connected)", "attention"),
        (r"SecondStageBoxPredictor/Conv(_\d+)?/", "masks"),
        (
            r"(?!FeatureExtractor).*BoxPredictor.*/(Class(Predictor|PredictionTower)|class_predictions)",
            "class_head",
        ),
        (r"(?!FeatureExtractor).*BoxPredictor", "box_head"),
        (r".*/(fpn|MnasFPN)/|.*/(bottom_up_|smoothing_|projection_)", "fpn"),
        (r".*_[12]_Conv2d_\d+_\dx\d_", "feature_maps"),
    )
)


def block_of(tf1_name: str) -> str:
    """The entry of BLOCKS for a variable's TF1 name."""
    return next((block for pattern, block in _PATTERNS if pattern.match(tf1_name)), "backbone")
