"""Which detectors can become TFLite models, told from their config alone. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from detection.config.architectures import NATIVE, architecture_of
from detection.config.keras_twins import tf1_type

_SSD = "model.ssd"
_LOCALIZATION = ("weighted_smooth_l1", "weighted_l2", "l1_localization_loss")
_CLASSIFICATION = (
    "weighted_sigmoid",
    "weighted_softmax",
    "weighted_sigmoid_focal",
    "bootstrapped_sigmoid",
)
_ANCHORS = ("ssd_anchor_generator", "multiscale_anchor_generator")
_LEAVE_OUT = "leave export.tflite out"


@dataclass(frozen=True)
class Obstacle:
    """Why a model can't become a TFLite model; `field` is the dotted path of the proto that says so."""

    reason: str
    field: str
    fix: str


def tflite_obstacle(model: Any) -> Obstacle | None:
    """The first thing in a `DetectionModel` proto that keeps TFLite from running it; None if nothing does.

    TFLite runs an SSD that has a native model, with the non-maximum suppression of its own operation.
    """
    kind = model.WhichOneof("model")
    if kind != "ssd":
        return Obstacle(
            "its second stage has shapes that follow from the image",
            f"model.{kind}" if kind else "model",
            f"{_LEAVE_OUT}, or train an SSD",
        )
    return next(_obstacles(model), None)


def _obstacles(model: Any) -> Iterator[Obstacle]:
    ssd = model.ssd
    found = tf1_type(architecture_of(model))
    if found not in NATIVE:
        yield _no_native(f"the architecture {found}", f"{_SSD}.feature_extractor.type")
    for field, what in _without_native_model(ssd):
        yield _no_native(what, f"{_SSD}.{field}")
    if ssd.post_processing.batch_non_max_suppression.soft_nms_sigma > 0:
        yield Obstacle(
            "TFLite has no soft non-maximum suppression",
            f"{_SSD}.post_processing.batch_non_max_suppression.soft_nms_sigma",
            f"{_LEAVE_OUT}, or soft_nms_sigma",
        )


def _no_native(what: str, field: str) -> Obstacle:
    return Obstacle(
        f"{what} has no native model, and TFLite can't run the Object Detection API's own code",
        field,
        f"{_LEAVE_OUT}, or train an SSD that has a native model (docs/architectures.md)",
    )


def _without_native_model(ssd: Any) -> Iterator[tuple[str, str]]:
    """Fields of an `Ssd` proto, below model.ssd, that the native models lack, each with what it is."""
    resizer = ssd.image_resizer.WhichOneof("image_resizer_oneof")
    anchors = ssd.anchor_generator.WhichOneof("anchor_generator_oneof")
    loss, processing = ssd.loss, ssd.post_processing
    kinds = (
        ("image_resizer", resizer, ("fixed_shape_resizer",)),
        ("anchor_generator", anchors, _ANCHORS),
        ("box_coder", ssd.box_coder.WhichOneof("box_coder_oneof"), ("faster_rcnn_box_coder",)),
        ("loss.localization_loss", loss.localization_loss.WhichOneof("localization_loss"), _LOCALIZATION),
        (
            "loss.classification_loss",
            loss.classification_loss.WhichOneof("classification_loss"),
            _CLASSIFICATION,
        ),
    )
    for field, kind, native in kinds:
        if kind not in native:
            yield f"{field}.{kind}" if kind else field, f"an SSD with {kind or f'no {field}'}"
    flags = (
        ("add_background_class", not ssd.add_background_class),
        ("image_resizer.fixed_shape_resizer.convert_to_grayscale", _is_grey(ssd.image_resizer)),
        ("anchor_generator.multiscale_anchor_generator.normalize_coordinates", _in_pixels(ssd)),
        ("loss.random_example_sampler", loss.HasField("random_example_sampler")),
        ("loss.equalization_loss", loss.HasField("equalization_loss")),
        ("loss.expected_loss_weights", loss.expected_loss_weights != 0),
        ("use_confidences_as_targets", ssd.use_confidences_as_targets),
        ("post_processing.calibration_config", processing.HasField("calibration_config")),
        (
            "post_processing.batch_non_max_suppression.use_class_agnostic_nms",
            processing.batch_non_max_suppression.use_class_agnostic_nms,
        ),
    )
    for field, lacks in flags:
        if lacks:
            yield field, f"an SSD with this {field.rpartition('.')[2]}"
    for field, hyperparams in _convolutions(ssd):
        normalizer = hyperparams.WhichOneof("normalizer_oneof")
        if normalizer not in (None, "batch_norm") or hyperparams.force_use_bias:
            yield field, f"an SSD with {normalizer or 'force_use_bias'}"


def _is_grey(resizer: Any) -> bool:
    return bool(resizer.fixed_shape_resizer.convert_to_grayscale)


def _in_pixels(ssd: Any) -> bool:
    generator = ssd.anchor_generator
    return generator.HasField("multiscale_anchor_generator") and not (
        generator.multiscale_anchor_generator.normalize_coordinates
    )


def _convolutions(ssd: Any) -> Iterator[tuple[str, Any]]:
    yield "feature_extractor.conv_hyperparams", ssd.feature_extractor.conv_hyperparams
    kind = ssd.box_predictor.WhichOneof("box_predictor_oneof")
    predictor = getattr(ssd.box_predictor, kind or "", None)
    if predictor is not None and "conv_hyperparams" in predictor.DESCRIPTOR.fields_by_name:
        yield f"box_predictor.{kind}.conv_hyperparams", predictor.conv_hyperparams
