"""The TF2 models of the Object Detection API beside the TF1 models of the same names.

Of a few the native model of TF1 computes the same function, so their configs and checkpoints are taken. The
others compute something else from the same weights; the reasons are here, for whoever brings one.
"""

from __future__ import annotations

from typing import Any

from detection.config.architectures import architecture_of, nearest_supported
from detection.errors import BadInput

SUFFIX = "_keras"
# TF2's feature_extractor.type, and TF1's of the same function, but for some options; see `difference`.
SAME_FUNCTION = {
    "ssd_mobilenet_v1_keras": "ssd_mobilenet_v1",
    "ssd_mobilenet_v2_keras": "ssd_mobilenet_v2",
}
_PYRAMID = (
    "TF2's feature pyramid carries each smoothed map down to the next level, TF1's carries the map from "
    "before the smoothing"
)
_RESNET = (
    f"{_PYRAMID}, and TF2's ResNet clips its units' outputs at 6 and normalises with another epsilon: with "
    "the same weights raw outputs differ by about half of their largest value"
)
_SECOND_STAGE = (
    "the second stage of TF2's ResNet halves the crops before its first block, TF1's does not: with the same "
    "weights raw outputs differ by up to 9.3"
)
_NO_COUNTERPART = "TF1's Object Detection API has no such model"
# Why the TF1 model of the same name is another function. The figures were measured with random weights; where
# they are not relative they are absolute.
DIFFERENCES = {
    "ssd_mobilenet_v1_fpn_keras": (
        f"{_PYRAMID}: with the same weights raw outputs differ by about half of their largest value"
    ),
    "ssd_mobilenet_v2_fpn_keras": (
        f"{_PYRAMID}, and TF2's last layer of the backbone has 1280 channels, TF1's 256 with use_depthwise: "
        "the weights do not even fit"
    ),
    "ssd_resnet50_v1_fpn_keras": _RESNET,
    "ssd_resnet101_v1_fpn_keras": _RESNET,
    "ssd_resnet152_v1_fpn_keras": _RESNET,
    "faster_rcnn_resnet50_keras": _SECOND_STAGE,
    "faster_rcnn_resnet101_keras": _SECOND_STAGE,
    "faster_rcnn_resnet152_keras": _SECOND_STAGE,
    "faster_rcnn_inception_resnet_v2_keras": (
        "the second stage of TF2's Inception-ResNet pads its first convolutions, TF1's does not: with the "
        "same weights raw outputs differ by up to 0.059"
    ),
    "faster_rcnn_resnet50_fpn_keras": _NO_COUNTERPART,
    "faster_rcnn_resnet101_fpn_keras": _NO_COUNTERPART,
    "faster_rcnn_resnet152_fpn_keras": _NO_COUNTERPART,
}
FIX = (
    "give the TF1 checkpoint and pipeline.config of the model, if there are any; what was trained in TF2 "
    "stays in TF2's Object Detection API, or starts anew from a TF1 model"
)


def is_twin(model: Any) -> bool:
    """Whether a DetectionModel proto names a TF2 model."""
    return architecture_of(model).endswith(SUFFIX)


def tf1_type(extractor_type: str) -> str:
    """TF1's type of the same function; a type that has none as it is."""
    return SAME_FUNCTION.get(extractor_type, extractor_type)


def in_tf1_terms(config: Any) -> Any:
    """A TrainEvalPipelineConfig, or if it is of a TF2 model, a copy with TF1's type of feature extractor.

    BadInput for a TF2 model that no TF1 model computes.
    """
    if not is_twin(config.model):
        return config
    require_same_function(config.model)
    return _renamed(config, tf1_type(architecture_of(config.model)))


def in_tf2_terms(config: Any) -> Any:
    """A copy of a TrainEvalPipelineConfig of a TF1 model with TF2's type of feature extractor.

    BadInput if the TF2 model computes something else than the TF1 model, or if there is none.
    """
    renamed = _renamed(config, architecture_of(config.model) + SUFFIX)
    require_same_function(renamed.model)
    return renamed


def require_same_function(model: Any) -> None:
    """BadInput, with the reason, unless a TF1 model computes what this DetectionModel of TF2 does."""
    reason = difference(model)
    if reason is not None:
        architecture, kind = architecture_of(model), model.WhichOneof("model")
        nearest = nearest_supported(architecture.removesuffix(SUFFIX), kind)
        raise BadInput(
            f"{architecture} has no equal in TF1: {reason}",
            f"model.{kind}.feature_extractor",
            f"{FIX}; the nearest that TF1 has is {nearest}",
        )


def difference(model: Any) -> str | None:
    """Why no TF1 model computes what a DetectionModel of TF2 does; None if one does."""
    architecture = architecture_of(model)
    if architecture not in SAME_FUNCTION:
        return DIFFERENCES.get(architecture, _NO_COUNTERPART)
    return _OPTIONS[architecture](model.ssd.feature_extractor)


def _mobilenet_v1_options(extractor: Any) -> str | None:
    if extractor.depth_multiplier == 1:
        return None
    return "TF2's MobileNet v1 applies a depth_multiplier twice, so its layers have other sizes"


def _mobilenet_v2_options(extractor: Any) -> str | None:
    multiplier, min_depth = extractor.depth_multiplier, extractor.min_depth
    if multiplier > 1:
        return "above depth_multiplier 1 the last layer of TF2's MobileNet v2 keeps its 1280 channels"
    if min_depth > _first_block(multiplier):
        return (
            f"at depth_multiplier {multiplier:g} and min_depth {min_depth} TF2's MobileNet v2 lacks the "
            "first residual connection: with the same weights raw outputs differ by up to 0.3 of their "
            "largest value"
        )
    return None


def _first_block(depth_multiplier: float) -> int:
    """Channels of MobileNet v2's first block, 16 times the multiplier, before min_depth raises them.

    Source: _make_divisible of slim's mobilenet.py: to a multiple of 8, but not down by more than a tenth.
    """
    wanted = 16 * depth_multiplier
    rounded = max(8, int(wanted + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * wanted else rounded + 8


_OPTIONS = {
    "ssd_mobilenet_v1_keras": _mobilenet_v1_options,
    "ssd_mobilenet_v2_keras": _mobilenet_v2_options,
}


def _renamed(config: Any, extractor_type: str) -> Any:
    copy = type(config)()
    copy.CopyFrom(config)
    getattr(copy.model, copy.model.WhichOneof("model")).feature_extractor.type = extractor_type
    return copy
