"""A rule about the parts of the model: are they of a kind that there is code for?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.rules_model import SLOWER, is_supported
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.architectures import architecture_of
from detection.config.keras_twins import tf1_type

_PARTS = {
    "anchor_generator": ("ssd_anchor_generator", "multiscale_anchor_generator"),
    "box_coder": ("faster_rcnn_box_coder",),
    "box_predictor": ("convolutional_box_predictor", "weight_shared_convolutional_box_predictor"),
    "matcher": ("argmax_matcher",),
}
# and those for which the Object Detection API's own code may step in
_SHIM_PARTS = ("anchor_generator", "box_coder")
_AS_TRAINED = "nothing to do, if the checkpoint was trained so"
_MODEL = "model.faster_rcnn"
_PREDICTOR = f"{_MODEL}.second_stage_box_predictor"
# What must know the size of the image, and so can't keep its aspect ratio unpadded.
_OF_KNOWN_SIZE = ("faster_rcnn_nas", "faster_rcnn_pnas", "ssd_pnasnet")


def parts_are_supported(subject: Subject) -> Iterator[Problem]:
    """Each part of the model must be of a kind that there is code for."""
    if not is_supported(subject):
        return
    yield from _ssd(subject) if subject.ssd else _faster_rcnn(subject)
    resizer = subject.detector.image_resizer
    architecture = architecture_of(subject.config.model)
    if (
        architecture in _OF_KNOWN_SIZE
        and resizer.WhichOneof("image_resizer_oneof") == "keep_aspect_ratio_resizer"
        and not resizer.keep_aspect_ratio_resizer.pad_to_max_dimension
    ):
        yield Problem(
            "error",
            f"{architecture} with images that keep their aspect ratio",
            f"model.{subject.kind}.image_resizer.keep_aspect_ratio_resizer",
            "its code must know the size of the images",
            "pad_to_max_dimension: true, as in the zoo's config, or fixed_shape_resizer",
        )


def _ssd(subject: Subject) -> Iterator[Problem]:
    architecture = tf1_type(architecture_of(subject.config.model))
    for part, wanted in _PARTS.items():
        kind = getattr(subject.ssd, part).WhichOneof(f"{part}_oneof")
        if kind not in wanted:
            field = f"model.ssd.{part}"
            runs = kind is not None and part in _SHIM_PARTS
            yield Problem(
                "info" if runs else "error",
                f"{part} is {kind or 'missing'}",
                f"{field}.{kind}" if kind else field,
                f"the native model of {architecture} has {' or '.join(wanted)} only"
                + (f"; {SLOWER}" if runs else ""),
                _AS_TRAINED if runs else f"use {' or '.join(wanted)}, as in the config of the training",
            )


def _faster_rcnn(subject: Subject) -> Iterator[Problem]:
    model = subject.faster_rcnn
    assert model is not None
    predictor = model.second_stage_box_predictor.WhichOneof("box_predictor_oneof")
    masks = model.second_stage_box_predictor.mask_rcnn_box_predictor.predict_instance_masks
    if subject.is_context_rcnn:
        yield _context_rcnn(subject)
    if model.number_of_stages < 2:
        yield Problem(
            "error",
            f"number_of_stages is {model.number_of_stages}",
            f"{_MODEL}.number_of_stages",
            "bare region proposals have no classes to detect",
            "number_of_stages: 2",
        )
    elif predictor not in ("mask_rcnn_box_predictor", "rfcn_box_predictor"):
        yield Problem(
            "error",
            f"second_stage_box_predictor is {predictor or 'missing'}",
            f"{_PREDICTOR}.{predictor}" if predictor else _PREDICTOR,
            "the second stage of TF1's Faster R-CNN has mask_rcnn_box_predictor, R-FCN's rfcn_box_predictor",
            "use mask_rcnn_box_predictor, as in the config of the training",
        )
    elif predictor == "rfcn_box_predictor":
        yield _through_the_shim("R-FCN", f"{_PREDICTOR}.{predictor}")
    elif masks or model.number_of_stages > 2:
        field = f"{_PREDICTOR}.{predictor}.predict_instance_masks" if masks else f"{_MODEL}.number_of_stages"
        yield _through_the_shim("Mask R-CNN", field)


def _context_rcnn(subject: Subject) -> Problem:
    """Whether the data have what it learns from; rows whose length isn't stated are ExampleGen's to judge."""
    field = f"{_MODEL}.context_config"
    lengths = subject.data.context_lengths if subject.data else None
    wanted = subject.detector.context_config.context_feature_length
    if lengths == ():
        return Problem(
            "error",
            "this is a Context R-CNN, and no image of the data has context features",
            field,
            "it learns from features of other images; without any, it would unlearn to read them",
            "give TFRecords with image/context_features, or remove context_config: a Faster R-CNN is left",
        )
    others = [str(length) for length in lengths or () if length not in (0, wanted)]
    if others:
        return Problem(
            "error",
            f"context_feature_length is {wanted}, and the data have rows of {', '.join(others)}",
            f"{field}.context_feature_length",
            "the attention has weights for rows of one length",
            "give data with the features that the checkpoint was trained with",
        )
    return _through_the_shim("Context R-CNN", field)


def _through_the_shim(name: str, field: str) -> Problem:
    return Problem("info", f"this is {name}, which has no native model", field, SLOWER, _AS_TRAINED)


RULES = (
    Rule(
        "CFG006",
        "parts of the model",
        parts_are_supported,
        ("error", "info"),
        "matcher { bipartite_matcher { } }",
        "Use the kind of part that the message names, as in the config of the training.",
    ),
)
