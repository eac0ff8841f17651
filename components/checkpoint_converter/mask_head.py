"""Mask R-CNN's mask head, whose depth the OD API makes depend on the number of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

_FIRST_CONVOLUTION = "SecondStageBoxPredictor/Conv/weights"


def keep_mask_depth(config: Any, variables: Mapping[str, np.ndarray], notes: list[str]) -> None:
    """Write the checkpoint's mask depth into a TrainEvalPipelineConfig that leaves it to be computed.

    `mask_prediction_conv_depth: 0` stands for a mean of the features' depth and the number of classes
    (mask_head.py), so that with other classes no convolution of the checkpoint would fit.
    """
    if config.model.WhichOneof("model") != "faster_rcnn":
        return
    predictor = config.model.faster_rcnn.second_stage_box_predictor
    if predictor.WhichOneof("box_predictor_oneof") != "mask_rcnn_box_predictor":
        return
    masks = predictor.mask_rcnn_box_predictor
    if not masks.predict_instance_masks or masks.mask_prediction_num_conv_layers < 2:
        return
    if masks.mask_prediction_conv_depth == 0 and _FIRST_CONVOLUTION in variables:
        masks.mask_prediction_conv_depth = variables[_FIRST_CONVOLUTION].shape[-1]
        notes.append(
            f"mask_prediction_conv_depth is {masks.mask_prediction_conv_depth}, the checkpoint's, so that it "
            "does not change with the number of classes"
        )
