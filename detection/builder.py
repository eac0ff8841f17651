"""From the pipeline.config proto to a detector with all its variables."""

from __future__ import annotations

from typing import Any

from detection import (
    anchor_builder,
    faster_rcnn_builder,
    loss_builder,
    model_builder,
    predictor_builder,
)
from detection.box_coder import FasterRcnnBoxCoder
from detection.config.architectures import nearest_supported, pyramid_that_does_not_halve
from detection.detector import Detector
from detection.errors import BadInput, NoNativeModel
from detection.hyperparams import enum_name
from detection.layers import BatchNorm
from detection.postprocess_builder import postprocessor
from detection.preprocess import FixedShapeResizer
from detection.ssd import SSD

NATIVE: tuple[str, ...] = (*model_builder.EXTRACTORS, *faster_rcnn_builder.EXTRACTORS)


def build_detector(model_config: Any, *, num_classes: int | None = None) -> Detector:
    """The detector a `DetectionModel` proto describes, built, with fresh variables.

    `num_classes` overrides the config's. What has no native model runs through the OD API's own TF1 code (see
    detection.shim). Raises BadInput, with the field and the fix, for what neither can build.
    """
    try:
        return build_native(model_config, num_classes=num_classes)
    except NoNativeModel as reason:
        from detection.shim.builder import build_shim

        detector = build_shim(model_config, num_classes)
        detector.no_native_model = reason.what
        return detector


def build_native(model_config: Any, *, num_classes: int | None = None) -> Detector:
    """As `build_detector`, but NoNativeModel for an architecture or option that has no native model."""
    architecture = model_config.WhichOneof("model")
    if architecture == "faster_rcnn":
        extractor = model_config.faster_rcnn.feature_extractor
        if extractor.type not in faster_rcnn_builder.EXTRACTORS:
            raise _no_native(extractor.type, "model.faster_rcnn.feature_extractor.type")
        return faster_rcnn_builder.build_faster_rcnn(model_config.faster_rcnn, num_classes=num_classes)
    if architecture != "ssd":
        raise _no_native(architecture or "(none)", "model")
    config = model_config.ssd
    if config.feature_extractor.type not in model_builder.EXTRACTORS:
        raise _no_native(config.feature_extractor.type, "model.ssd.feature_extractor.type")
    classes = config.num_classes if num_classes is None else num_classes
    if classes < 1:
        raise BadInput(f"num_classes is {classes}", "model.ssd.num_classes", "set it to the label map's size")
    if not config.add_background_class:
        raise NoNativeModel(
            "add_background_class: false is not supported",
            "model.ssd.add_background_class",
            "remove the line; TF1 SSD checkpoints have a background column",
        )
    resizer = _resizer(config.image_resizer)
    unfit = pyramid_that_does_not_halve(config)
    if unfit is not None:
        raise BadInput(
            f"a side of {unfit[0]} pixels gives the feature pyramid maps of {unfit[1]} cells",
            "model.ssd.image_resizer.fixed_shape_resizer",
            "each must be half as large as the one before: use a height and a width that are multiples of 32",
        )
    box_coder = _box_coder(config.box_coder)
    feature_extractor = model_builder.feature_extractor(config.feature_extractor)
    if config.freeze_batchnorm:
        for layer in feature_extractor._flatten_layers():
            if isinstance(layer, BatchNorm):
                layer.hold_statistics()
    detector = SSD(
        feature_extractor=feature_extractor,
        predictor=predictor_builder.box_predictor(config.box_predictor),
        anchor_generator=anchor_builder.anchor_generator(config),
        resizer=resizer,
        postprocessor=postprocessor(config.post_processing, box_coder),
        loss=loss_builder.detection_loss(config, box_coder, classes),
        num_classes=classes,
    )
    detector.build((None, resizer.height, resizer.width, 3))
    return detector


def _no_native(found: str, where: str) -> NoNativeModel:
    return NoNativeModel(
        f"the architecture {found} has no native model",
        where,
        f"the nearest one is {nearest_supported(found)}",
    )


def _resizer(config: Any) -> FixedShapeResizer:
    kind = config.WhichOneof("image_resizer_oneof")
    where = "model.ssd.image_resizer"
    if kind != "fixed_shape_resizer":
        raise NoNativeModel(
            f"{kind or 'no image resizer'} is not supported for SSD",
            where,
            "use fixed_shape_resizer { height: 300 width: 300 }, with the size the checkpoint was trained at",
        )
    fixed = config.fixed_shape_resizer
    if fixed.convert_to_grayscale:
        raise NoNativeModel("convert_to_grayscale is not supported", f"{where}.{kind}", "remove the line")
    if min(fixed.height, fixed.width) < 33:
        raise BadInput(
            f"image size {fixed.height}x{fixed.width} is too small", f"{where}.{kind}", "use at least 33x33"
        )
    return FixedShapeResizer(fixed.height, fixed.width, enum_name(fixed, "resize_method"))


def _box_coder(config: Any) -> FasterRcnnBoxCoder:
    kind = config.WhichOneof("box_coder_oneof")
    if kind != "faster_rcnn_box_coder":
        raise NoNativeModel(
            f"{kind or 'no box coder'} is not supported",
            "model.ssd.box_coder",
            "use faster_rcnn_box_coder { }",
        )
    coder = config.faster_rcnn_box_coder
    return FasterRcnnBoxCoder(coder.y_scale, coder.x_scale, coder.height_scale, coder.width_scale)
