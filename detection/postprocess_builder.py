"""Post-processing from a `PostProcessing` proto."""

from __future__ import annotations

from typing import Any

from detection.box_coder import FasterRcnnBoxCoder
from detection.errors import BadInput, NoNativeModel
from detection.hyperparams import enum_name
from detection.nms import MulticlassNms
from detection.postprocess import Postprocessor


def postprocessor(config: Any, box_coder: FasterRcnnBoxCoder) -> Postprocessor:
    """SSD's post-processing; BadInput for an option that isn't supported."""
    return Postprocessor(
        box_coder=box_coder,
        nms=multiclass_nms(config, "model.ssd.post_processing"),
        score_converter=enum_name(config, "score_converter"),
        logit_scale=config.logit_scale,
    )


def multiclass_nms(config: Any, where: str) -> MulticlassNms:
    """The suppression of a `PostProcessing` proto found at `where`; BadInput for what isn't supported."""
    nms = config.batch_non_max_suppression
    if config.HasField("calibration_config"):
        raise NoNativeModel("calibration_config is not supported", where, "remove it")
    if nms.use_class_agnostic_nms:
        raise NoNativeModel("use_class_agnostic_nms is not supported", where, "remove the line")
    if nms.max_detections_per_class > nms.max_total_detections:
        raise BadInput(
            f"max_detections_per_class {nms.max_detections_per_class} is above"
            f" max_total_detections {nms.max_total_detections}",
            f"{where}.batch_non_max_suppression",
            "raise max_total_detections",
        )
    return MulticlassNms(
        score_threshold=nms.score_threshold,
        iou_threshold=nms.iou_threshold,
        max_detections_per_class=nms.max_detections_per_class,
        max_total_detections=nms.max_total_detections,
        soft_nms_sigma=nms.soft_nms_sigma,
    )
