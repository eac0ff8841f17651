"""Rules about the checkpoint: do its variables belong to the model that the config describes?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from components.config_validator.subject import Problem, Rule, Subject
from detection.blocks import block_of
from detection.config.architectures import NATIVE, architecture_of
from detection.config.keras_twins import tf1_type

_EXTRACTOR = re.compile(r"^(First|Second)Stage(?=FeatureExtractor/)")
_SCOPE = re.compile(r"^(?:(?:First|Second)Stage)?FeatureExtractor/([^/]+)/")
# slim's scope of each backbone, by what a feature extractor's type contains; the first that fits counts
_BACKBONES = {
    "mobilenet_v1": "MobilenetV1",
    "mobilenet_v2": "MobilenetV2",
    "mobilenet_v3": "MobilenetV3",
    "mobilenet_edgetpu": "MobilenetEdgeTPU",
    "inception_resnet_v2": "InceptionResnetV2",
    "inception_v2": "InceptionV2",
    "resnet50": "resnet_v1_50",
    "resnet101": "resnet_v1_101",
    "resnet152": "resnet_v1_152",
}
# The first convolution of the backbones that have a depth_multiplier, and its channels at 1.0.
_FIRST_CONVOLUTION = {
    "MobilenetV1": ("Conv2d_0/weights", 32),
    "MobilenetV2": ("Conv/weights", 32),
    "InceptionV2": ("Conv2d_1a_7x7/pointwise_weights", 64),
}
_ROUNDED_BY = 8  # channels of MobileNet v2 are a multiple of this
_REASON = "every variable of the model must find its value in the checkpoint, else the conversion is refused"
_FIX = "take the pipeline.config that the checkpoint was trained with"

Shapes = Mapping[str, tuple[int, ...]]


def model_is_the_checkpoints(subject: Subject) -> Iterator[Problem]:
    """A checkpoint's variables fit one architecture, with the options that it was trained with."""
    architecture = tf1_type(architecture_of(subject.config.model))
    if subject.checkpoint is None or architecture not in NATIVE:
        return
    variables = subject.checkpoint.variables
    other = next(
        _other_architecture(subject, architecture, variables, subject.checkpoint.kind == "classification"),
        None,
    )
    if other is not None:
        yield other
    elif subject.checkpoint.kind != "classification":
        yield from _other_options(subject, architecture, variables)
    else:
        yield from _other_depth(subject, architecture, variables)


def _other_architecture(
    subject: Subject, architecture: str, variables: Shapes, classifier: bool
) -> Iterator[Problem]:
    field = f"model.{subject.kind}.feature_extractor.type"
    if not classifier:
        two_stages = any(_EXTRACTOR.match(name) for name in variables)
        if two_stages != (subject.faster_rcnn is not None):
            found = "faster_rcnn" if two_stages else "ssd"
            yield _problem(f"the checkpoint is of {found}, the config of {subject.kind}", field, _FIX)
    wanted = next(scope for part, scope in _BACKBONES.items() if part in architecture)
    held = _backbones(variables, classifier)
    if held and wanted not in held:
        yield _problem(
            f"the checkpoint has the backbone {', '.join(sorted(held))}, but {architecture} has {wanted}",
            field,
            _FIX,
        )
    if classifier or subject.ssd is None:
        return
    blocks = {block_of(name) for name in variables}
    pyramid = "_fpn" in architecture
    if pyramid != ("fpn" in blocks):
        yield _problem(
            f"the checkpoint has {'no' if pyramid else 'a'} feature pyramid, "
            f"{architecture} {'has one' if pyramid else 'has none'}",
            field,
            _FIX,
        )
    pools = architecture == "ssd_mobilenet_v1_ppn"
    if not pyramid and pools == ("feature_maps" in blocks):
        yield _problem(
            f"the checkpoint has {'' if pools else 'no '}convolutions for the smaller feature maps, "
            f"{architecture} {'pools them' if pools else 'has them'}",
            field,
            _FIX,
        )


def _other_options(subject: Subject, architecture: str, variables: Shapes) -> Iterator[Problem]:
    yield from _other_depth(subject, architecture, variables)
    if subject.ssd is not None:
        yield from _other_separable_maps(subject.ssd, variables)
        yield from _other_predictor(subject.ssd, variables)
        return
    predictor = subject.detector.second_stage_box_predictor
    wanted = predictor.mask_rcnn_box_predictor.predict_instance_masks
    if wanted and not any(block_of(name) == "masks" for name in variables):
        yield _problem(
            "the checkpoint predicts no masks, the config does",
            "model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor.predict_instance_masks",
            "predict_instance_masks: false and number_of_stages: 2",
        )


def _other_depth(subject: Subject, architecture: str, variables: Shapes) -> Iterator[Problem]:
    """A backbone of another depth_multiplier; told by its first convolution."""
    for scope, (name, nominal) in _FIRST_CONVOLUTION.items():
        shape = next((s for key, s in variables.items() if key.endswith(f"{scope}/{name}") and s), None)
        if shape is None or subject.ssd is None:
            continue
        extractor = subject.ssd.feature_extractor
        wanted = max(nominal * extractor.depth_multiplier, extractor.min_depth)
        tolerated = _ROUNDED_BY if scope == "MobilenetV2" else 1
        if not abs(shape[-1] - wanted) < tolerated:  # NaN too
            yield _problem(
                f"the checkpoint's first convolution has {shape[-1]} channels, but depth_multiplier "
                f"{extractor.depth_multiplier:g} and min_depth {extractor.min_depth} make {wanted:g}",
                "model.ssd.feature_extractor.depth_multiplier",
                f"depth_multiplier: {shape[-1] / nominal:g}",
            )


def _other_separable_maps(ssd: Any, variables: Shapes) -> Iterator[Problem]:
    maps = [name for name in variables if block_of(name) == "feature_maps"]
    separable = any("_depthwise/" in name for name in maps)
    wanted = ssd.feature_extractor.use_depthwise
    if maps and separable != wanted:
        yield _problem(
            f"the checkpoint's smaller feature maps come from {_convolutions(separable)}, "
            f"with use_depthwise: {str(wanted).lower()} from {_convolutions(wanted)}",
            "model.ssd.feature_extractor.use_depthwise",
            f"use_depthwise: {str(separable).lower()}",
        )


def _other_predictor(ssd: Any, variables: Shapes) -> Iterator[Problem]:
    kind = ssd.box_predictor.WhichOneof("box_predictor_oneof")
    if kind not in ("convolutional_box_predictor", "weight_shared_convolutional_box_predictor"):
        return  # another rule says so
    shared = any(name.startswith("WeightSharedConvolutionalBoxPredictor") for name in variables)
    if (kind == "weight_shared_convolutional_box_predictor") != shared:
        held = "weight_shared_convolutional_box_predictor" if shared else "convolutional_box_predictor"
        yield _problem(f"the checkpoint has a {held}, the config {kind}", "model.ssd.box_predictor", _FIX)
        return
    field = f"model.ssd.box_predictor.{kind}"
    predictor = getattr(ssd.box_predictor, kind)
    heads = [name for name in variables if "BoxPredictor" in name.split("/", 1)[0]]
    separable = any("depthwise" in name for name in heads)
    if predictor.use_depthwise != separable:
        yield _problem(
            f"the checkpoint's box predictor has {_convolutions(separable)}, the config's "
            f"{_convolutions(predictor.use_depthwise)}",
            f"{field}.use_depthwise",
            f"use_depthwise: {str(separable).lower()}",
        )
    else:
        yield from _other_anchors(ssd, variables)


def _other_anchors(ssd: Any, variables: Shapes) -> Iterator[Problem]:
    """A head predicts four numbers for each anchor of a cell."""
    from detection.anchor_builder import anchor_generator
    from detection.errors import BadInput

    try:
        wanted = anchor_generator(ssd).anchors_per_location
    except BadInput:
        return  # other rules say why
    heads = {name.split("/", 1)[0] for name in variables if re.match(r"BoxPredictor_\d+/", name)}
    if heads and len(heads) != len(wanted):
        yield _problem(
            f"the checkpoint has {len(heads)} feature maps with predictions, the config {len(wanted)}",
            "model.ssd.feature_extractor",
            _FIX,
        )
        return
    found = [_anchors_of(number, variables) for number in range(len(wanted))]
    differing = [
        (number, f, w) for number, (f, w) in enumerate(zip(found, wanted, strict=True)) if f not in (None, w)
    ]
    if differing:
        number, held, given = differing[0]
        yield _problem(
            f"the checkpoint has {held} anchors in a cell of feature map {number}, the config {given}",
            "model.ssd.anchor_generator",
            "use the aspect_ratios, scales and reduce_boxes_in_lowest_layer of the training",
        )


def _anchors_of(number: int, variables: Shapes) -> int | None:
    for name in (
        f"BoxPredictor_{number}/BoxEncodingPredictor/biases",
        "WeightSharedConvolutionalBoxPredictor/BoxPredictor/biases",
    ):
        if shape := variables.get(name):
            return shape[-1] // 4
    return None


def _backbones(variables: Shapes, classifier: bool) -> set[str]:
    if classifier:
        return {name.split("/", 1)[0] for name in variables} & set(_BACKBONES.values())
    return {match[1] for name in variables if (match := _SCOPE.match(name))}


def _convolutions(separable: bool) -> str:
    return "depthwise separable convolutions" if separable else "plain convolutions"


def _problem(message: str, field: str, fix: str) -> Problem:
    return Problem("error", message, field, _REASON, fix)


RULES = (
    Rule(
        "CFG030",
        "model against the checkpoint's variables",
        model_is_the_checkpoints,
        ("error",),
        'feature_extractor { type: "ssd_mobilenet_v2" }  # with a checkpoint of ssd_mobilenet_v1',
        "Take the pipeline.config that the checkpoint was trained with.",
    ),
)
