"""Rules about the model: can it be built, and is it the model that the checkpoint holds?"""

from __future__ import annotations

from collections.abc import Iterator

from components.config_validator.findings import Change
from components.config_validator.subject import Problem, Subject
from detection.config.architectures import SUPPORTED, architecture_of, nearest_supported
from detection.config.keras_twins import difference, is_twin, tf1_type

_LARGE_IMAGE_PIXELS = 640 * 640
_SMALL_IMAGE_SIDE = 33
_PARTS = {
    "anchor_generator": ("ssd_anchor_generator", "multiscale_anchor_generator"),
    "box_coder": ("faster_rcnn_box_coder",),
    "box_predictor": ("convolutional_box_predictor", "weight_shared_convolutional_box_predictor"),
    "matcher": ("argmax_matcher",),
}
# and those for which the Object Detection API's own code may step in
_SHIM_PARTS = ("anchor_generator", "box_coder")
_SLOWER = "it runs through the Object Detection API's own code: slower to build, otherwise the same"


def num_classes_is_the_label_maps(subject: Subject) -> Iterator[Problem]:
    """The class head must have a column for each id of the label map."""
    field = f"model.{subject.kind}.num_classes"
    if subject.label_map is None and subject.num_classes == 0:
        yield Problem("error", "num_classes is not set", field, "a detector needs a class", "num_classes: 1")
    if subject.label_map is None or subject.num_classes in (None, subject.label_map.num_classes):
        return
    wanted = subject.label_map.num_classes
    yield Problem(
        "error",
        f"num_classes is {subject.num_classes}, but the highest id of the label map is {wanted}",
        field,
        "ids above num_classes train as nothing and give NaN losses; columns without a class cost time",
        f"num_classes: {wanted}",
        (Change(field=field, value=wanted),),
    )


def num_classes_is_the_checkpoints(subject: Subject) -> Iterator[Problem]:
    """With another number of classes the checkpoint's class head can't be taken over."""
    wanted = subject.num_classes if subject.label_map is None else subject.label_map.num_classes
    if subject.checkpoint_num_classes in (None, wanted):
        return
    yield Problem(
        "info",
        f"the checkpoint has {subject.checkpoint_num_classes} classes, the new model {wanted}",
        f"model.{subject.kind}.num_classes",
        "the shapes of the class head differ; backbone, feature maps and box head are taken over",
        "nothing to do: the class head starts fresh",
    )


def architecture_is_supported(subject: Subject) -> Iterator[Problem]:
    """There must be a model of this feature extractor, native or through the Object Detection API's code."""
    architecture = architecture_of(subject.config.model)
    if (subject.kind in ("ssd", "faster_rcnn") and architecture in SUPPORTED) or architecture == "ssd":
        return  # an ssd without a type is feature_extractor_is_there's
    field = f"model.{subject.kind}.feature_extractor.type"
    twin = is_twin(subject.config.model)
    reason = difference(subject.config.model) if twin else f"there is a model for {', '.join(SUPPORTED)}"
    if reason is None:
        yield Problem(
            "info",
            f"{architecture} is TF2's name",
            field,
            "TF1's model computes the same, from a checkpoint of TF1 or TF2",
            f'type: "{tf1_type(architecture)}"',
            (Change(field=field, value=tf1_type(architecture)),),
        )
        return
    nearest = nearest_supported(architecture)
    yield Problem(
        "error",
        f"{subject.kind} with {architecture} is not supported",
        field,
        f"this is a TF2 config; {reason}" if twin else reason,
        f"give the TF1 config that the checkpoint was trained with; the nearest supported is {nearest}",
    )


def feature_extractor_is_there(subject: Subject) -> Iterator[Problem]:
    """Without a feature extractor type there is no model to build."""
    if subject.ssd is None or subject.ssd.feature_extractor.type:
        return
    yield Problem(
        "error",
        "the model has no feature_extractor type",
        "model.ssd.feature_extractor",
        "it says which backbone the checkpoint's variables belong to",
        'add feature_extractor { type: "ssd_mobilenet_v2" ... } as in the config of the training',
    )


def image_size_is_usable(subject: Subject) -> Iterator[Problem]:
    """SSD models are trained at one image size, so the resizer should give one."""
    if subject.ssd is None:
        return
    field = "model.ssd.image_resizer"
    kind = subject.ssd.image_resizer.WhichOneof("image_resizer_oneof")
    if kind == "keep_aspect_ratio_resizer":
        yield Problem(
            "info",
            f"image_resizer is {kind}, which no native SSD has",
            f"{field}.{kind}",
            _SLOWER,
            "nothing to do, if the checkpoint was trained so; batch_size must be 1",
        )
        return
    if kind != "fixed_shape_resizer":
        yield Problem(
            "error",
            f"image_resizer is {kind or 'missing'}",
            f"{field}.{kind}" if kind else field,
            "a model is built for a known way of resizing",
            "use fixed_shape_resizer with the height and width of the training",
        )
        return
    resizer, field = subject.ssd.image_resizer.fixed_shape_resizer, f"{field}.{kind}"
    size = f"{resizer.width}x{resizer.height} pixels"
    if min(resizer.height, resizer.width) < _SMALL_IMAGE_SIDE:
        yield Problem(
            "error",
            f"images of {size} are too small",
            field,
            f"below {_SMALL_IMAGE_SIDE} pixels the coarser feature maps have no cell",
            "use the height and width of the training, such as 300",
        )
    elif resizer.height * resizer.width > _LARGE_IMAGE_PIXELS:
        yield Problem(
            "warning",
            f"images of {size} need much memory and time",
            field,
            "cost grows with the number of pixels: four times that of 300x300 at 600x600",
            "keep it where objects are small and there is a GPU; else train at the checkpoint's own size",
        )
    if resizer.convert_to_grayscale:
        yield Problem(
            "error",
            "convert_to_grayscale is set",
            f"{field}.convert_to_grayscale",
            "the backbone's first convolution takes three channels",
            "remove convert_to_grayscale; grey pictures are read as RGB",
        )


def parts_are_supported(subject: Subject) -> Iterator[Problem]:
    """Each part of the SSD must be of a kind that there is code for."""
    architecture = tf1_type(architecture_of(subject.config.model))
    if subject.ssd is None or architecture not in SUPPORTED:
        return
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
                + (f"; {_SLOWER}" if runs else ""),
                "nothing to do, if the checkpoint was trained so"
                if runs
                else f"use {' or '.join(wanted)}, as in the config of the training",
            )
