"""A rule about options of the model that exclude each other, or that its architecture can't have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.config_validator.findings import Change
from components.config_validator.rules_model import is_supported
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.architectures import NATIVE, architecture_of

_SSD, _FASTER_RCNN = "model.ssd", "model.faster_rcnn"
_EXTRACTOR = f"{_SSD}.feature_extractor"
_FINEST, _COARSEST = 2, 5  # levels of which a backbone has maps
_SIX_MAPS = ("ssd_mobilenet_v3_large", "ssd_mobilenet_v3_small", "ssd_mobilenet_edgetpu")
_BOX_CODE_SIZE = 4
_STRIDES = (8, 16)


def options_are_possible(subject: Subject) -> Iterator[Problem]:
    """TF1 refuses some options, and so does the model that takes its variables over."""
    if not is_supported(subject) or architecture_of(subject.config.model) not in NATIVE:
        return
    if subject.ssd is not None:
        yield from _extractor(subject.ssd.feature_extractor)
        yield from _predictor(subject.ssd)
        yield from _matcher(subject.ssd.matcher.argmax_matcher)
        yield from _miner(subject.ssd.loss)
    else:
        yield from _first_stage(subject.detector.feature_extractor)


def _extractor(extractor: Any) -> Iterator[Problem]:
    kind, fpn = extractor.type, extractor.fpn
    if kind == "ssd_inception_v2" and not extractor.override_base_feature_extractor_hyperparams:
        field = f"{_EXTRACTOR}.override_base_feature_extractor_hyperparams"
        yield Problem(
            "error",
            f"override_base_feature_extractor_hyperparams is not set with {kind}",
            field,
            "this backbone has no hyperparameters of its own; TF1 refuses to build it",
            "override_base_feature_extractor_hyperparams: true",
            (Change(field=field, value=True),),
        )
    if extractor.use_explicit_padding and (kind in _SIX_MAPS or "resnet" in kind):
        yield _impossible(
            f"use_explicit_padding with {kind}",
            f"{_EXTRACTOR}.use_explicit_padding",
            "this backbone pads its own way",
            "remove use_explicit_padding",
        )
    if kind in _SIX_MAPS and extractor.num_layers != 6:
        yield _impossible(
            f"num_layers is {extractor.num_layers} with {kind}",
            f"{_EXTRACTOR}.num_layers",
            "this feature extractor has six feature maps",
            "remove num_layers",
        )
    elif "_fpn" not in kind and extractor.num_layers < 1:
        yield _impossible(
            f"num_layers is {extractor.num_layers}",
            f"{_EXTRACTOR}.num_layers",
            "a detector needs a feature map",
            "remove num_layers: 6 is the default",
        )
    if "_fpn" in kind and not _FINEST <= fpn.min_level <= min(fpn.max_level, _COARSEST):
        yield _impossible(
            f"the pyramid is from level {fpn.min_level} to {fpn.max_level}",
            f"{_EXTRACTOR}.fpn.min_level",
            f"a backbone has maps of the levels {_FINEST} to {_COARSEST}, coarser ones are grown from them",
            "use the levels of the training, such as 3 and 7",
        )


def _predictor(ssd: Any) -> Iterator[Problem]:
    kind = ssd.box_predictor.WhichOneof("box_predictor_oneof")
    if kind not in ("convolutional_box_predictor", "weight_shared_convolutional_box_predictor"):
        return  # another rule says so
    predictor, field = getattr(ssd.box_predictor, kind), f"{_SSD}.box_predictor.{kind}"
    if predictor.use_depthwise and predictor.kernel_size == 1:
        yield _impossible(
            "use_depthwise with a kernel_size of 1",
            f"{field}.kernel_size",
            "a depthwise convolution of single pixels only scales them",
            "kernel_size: 3, as in the training",
        )
    if predictor.box_code_size != _BOX_CODE_SIZE:
        yield _impossible(
            f"box_code_size is {predictor.box_code_size}",
            f"{field}.box_code_size",
            "a box has four numbers",
            f"box_code_size: {_BOX_CODE_SIZE}",
        )
    if kind != "weight_shared_convolutional_box_predictor":
        return
    if predictor.depth < 1 and predictor.num_layers_before_predictor:
        yield _impossible(
            f"depth is {predictor.depth} with {predictor.num_layers_before_predictor} layers of a tower",
            f"{field}.depth",
            "a layer needs channels",
            "depth: 256, as in the training",
        )
    anchors = ssd.anchor_generator.ssd_anchor_generator
    if (
        ssd.anchor_generator.WhichOneof("anchor_generator_oneof") == "ssd_anchor_generator"
        and anchors.reduce_boxes_in_lowest_layer
        and len(anchors.aspect_ratios) + (anchors.interpolated_scale_aspect_ratio > 0) != 3
    ):
        yield _impossible(
            "reduce_boxes_in_lowest_layer with a predictor whose weights all feature maps share",
            f"{_SSD}.anchor_generator.ssd_anchor_generator.reduce_boxes_in_lowest_layer",
            "the first map would have three anchors in a cell, the others another number",
            "reduce_boxes_in_lowest_layer: false",
        )


def _matcher(argmax: Any) -> Iterator[Problem]:
    if not argmax.ignore_thresholds and argmax.unmatched_threshold > argmax.matched_threshold:
        yield _impossible(
            f"unmatched_threshold {argmax.unmatched_threshold:g} is above "
            f"matched_threshold {argmax.matched_threshold:g}",
            f"{_SSD}.matcher.argmax_matcher.unmatched_threshold",
            "an anchor would be object and background at once",
            f"unmatched_threshold: {argmax.matched_threshold:g} or less",
        )


def _miner(loss: Any) -> Iterator[Problem]:
    focal = loss.classification_loss.WhichOneof("classification_loss") == "weighted_sigmoid_focal"
    if focal and loss.HasField("hard_example_miner"):
        yield _impossible(
            "hard_example_miner with a focal loss",
            f"{_SSD}.loss.hard_example_miner",
            "both choose the hard examples; TF1 refuses the two together",
            "remove hard_example_miner",
        )


def _first_stage(extractor: Any) -> Iterator[Problem]:
    stride = extractor.first_stage_features_stride
    if stride not in _STRIDES:
        yield _impossible(
            f"first_stage_features_stride is {stride}",
            f"{_FASTER_RCNN}.feature_extractor.first_stage_features_stride",
            "the backbones can be built for 8 and 16 pixels",
            "first_stage_features_stride: 16, as in the training",
        )


def _impossible(message: str, field: str, reason: str, fix: str) -> Problem:
    return Problem("error", message, field, reason, fix)


RULES = (
    Rule(
        "CFG039",
        "options that exclude each other",
        options_are_possible,
        ("error",),
        "convolutional_box_predictor { use_depthwise: true kernel_size: 1 }",
        "Use the options of the training.",
        safe=True,
    ),
)
