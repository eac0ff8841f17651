"""From the pipeline.config proto to a detector that runs the OD API's own TF1 code."""

from __future__ import annotations

from typing import Any

from detection.config.architectures import SUPPORTED, nearest_supported, require_kind
from detection.context import context_shape
from detection.errors import BadInput
from detection.shim.context_rcnn import ShimContextDetector
from detection.shim.detector import ShimDetector
from detection.shim.spaghettinet import ShimSpaghettiDetector
from detection.shim.two_stage import ShimTwoStageDetector

_EXTRACTOR = "model.{}.feature_extractor.type"
_SPAGHETTINET = "ssd_spaghettinet"
_NEED_A_KNOWN_SIZE = ("faster_rcnn_nas", "faster_rcnn_pnas", "ssd_pnasnet", _SPAGHETTINET)


def build_shim(model_config: Any, num_classes: int | None = None) -> ShimDetector:
    """The detector a `DetectionModel` proto describes, built, with fresh variables.

    `num_classes` overrides the config's. Raises BadInput, with the field and the fix, for what the OD API's
    TF1 code can't build either, and for what it could build but not run from an image alone.
    """
    require_kind(model_config)
    kind = model_config.WhichOneof("model")
    _require_known(getattr(model_config, kind).feature_extractor.type, kind)
    resolved = type(model_config)()
    resolved.CopyFrom(model_config)
    config = getattr(resolved, kind)
    if num_classes is not None:
        config.num_classes = num_classes
    if config.num_classes < 1:
        raise BadInput(
            f"num_classes is {config.num_classes}",
            f"model.{kind}.num_classes",
            "set it to the label map's size",
        )
    _require_runnable(config, f"model.{kind}")
    detector = _detector_class(resolved)(resolved)
    detector.build()
    return detector


def _detector_class(model_config: Any) -> type[ShimDetector]:
    if model_config.WhichOneof("model") == "ssd":
        extractor = model_config.ssd.feature_extractor.type
        return ShimSpaghettiDetector if extractor == _SPAGHETTINET else ShimDetector
    return ShimTwoStageDetector if context_shape(model_config) is None else ShimContextDetector


def _require_runnable(config: Any, where: str) -> None:
    resizer = config.image_resizer.WhichOneof("image_resizer_oneof")
    if resizer not in ("fixed_shape_resizer", "keep_aspect_ratio_resizer"):
        raise BadInput(
            f"{resizer or 'no image resizer'} is not supported",
            f"{where}.image_resizer",
            "use fixed_shape_resizer or keep_aspect_ratio_resizer, as in the config of the training",
        )
    extractor = config.feature_extractor.type
    keeps_ratio = resizer == "keep_aspect_ratio_resizer"
    padded = config.image_resizer.keep_aspect_ratio_resizer.pad_to_max_dimension
    if extractor in _NEED_A_KNOWN_SIZE and keeps_ratio and not padded:
        raise BadInput(
            f"the code of {extractor} must know the size of the images, and they keep their own",
            f"{where}.image_resizer.{resizer}",
            "use pad_to_max_dimension: true, as the zoo's config, or fixed_shape_resizer",
        )
    if where.endswith("ssd"):
        return
    if config.number_of_stages < 2:
        raise BadInput(
            "bare region proposals have no classes to detect", f"{where}.number_of_stages", "set it to 2"
        )


def _require_known(extractor: str, kind: str) -> None:
    """BadInput unless there is such a feature extractor, and for this kind of model."""
    where = _EXTRACTOR.format(kind)
    if not extractor:
        raise BadInput(
            "the feature extractor has no type",
            where,
            "set the type that the checkpoint was trained with; upcycle architectures lists the types",
        )
    nearest = nearest_supported(extractor, kind)
    if extractor not in SUPPORTED:
        raise BadInput(
            f"the architecture {extractor} is none of the TF1 Object Detection API's",
            where,
            f"the nearest supported one is {nearest}",
        )
    if nearest != extractor:
        other = "ssd" if kind == "faster_rcnn" else "faster_rcnn"
        raise BadInput(
            f"{extractor} is a feature extractor of model.{other}, and the model is {kind}",
            where,
            f"use the pipeline.config of the training; the nearest one of model.{kind} is {nearest}",
        )
