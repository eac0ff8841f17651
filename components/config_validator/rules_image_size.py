"""Rules about the size of the network's input: can it be, was it so in training, do the images suit it?"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from components.config_validator.rules_model import SLOWER, is_supported
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.architectures import architecture_of

_LARGE_IMAGE_PIXELS = 640 * 640
SMALL_IMAGE_SIDE = 33
_FIXED, _KEEP_RATIO = "fixed_shape_resizer", "keep_aspect_ratio_resizer"
_ENLARGED = 2.0  # from here on, in length, it is said
_SQUEEZED = 2.0


def image_size_is_usable(subject: Subject) -> Iterator[Problem]:
    """The network's input must have a size that the model can be built and trained for."""
    if not is_supported(subject):
        return
    field = f"model.{subject.kind}.image_resizer"
    resizer = subject.detector.image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    if kind not in (_FIXED, _KEEP_RATIO):
        yield Problem(
            "error",
            f"image_resizer is {kind or 'missing'}",
            f"{field}.{kind}" if kind else field,
            "a model is built for a known way of resizing",
            f"use {_FIXED} with the height and width of the training",
        )
        return
    chosen, field = getattr(resizer, kind), f"{field}.{kind}"
    yield from _fixed(subject, chosen, field) if kind == _FIXED else _kept_ratio(subject, chosen, field)
    channels = _channels(subject)
    if chosen.convert_to_grayscale and channels != 1:
        yield Problem(
            "warning" if channels is None else "error",
            "convert_to_grayscale is set",
            f"{field}.convert_to_grayscale",
            "the first convolution of a backbone takes three channels, unless it was trained on one",
            "remove convert_to_grayscale; grey pictures are read as RGB",
        )


def image_size_is_the_trainings(subject: Subject) -> Iterator[Problem]:
    """A detector knows objects at the size at which it was trained on them."""
    original = subject.original
    if original is None or architecture_of(original.model) != architecture_of(subject.config.model):
        return
    if original.model.WhichOneof("model") != subject.kind or not is_supported(subject):
        return
    trained, given = getattr(original.model, subject.kind).image_resizer, subject.detector.image_resizer
    kind = given.WhichOneof("image_resizer_oneof")
    if kind not in (_FIXED, _KEEP_RATIO) or trained.WhichOneof("image_resizer_oneof") is None:
        return
    assert subject.checkpoint is not None
    field = f"model.{subject.kind}.image_resizer.{kind}"
    if _size(trained) != _size(given):
        yield Problem(
            "error" if subject.ssd else "warning",
            f"the images are made {_size(given)}, but the checkpoint was trained at {_size(trained)}",
            field,
            f"{subject.checkpoint.original_path} says so; objects of another size are found less well, "
            "and the converted model is not the one that was trained",
            f"use the size of the training, {_size(trained)}",
        )
    elif _method(trained) != _method(given):
        yield Problem(
            "warning",
            f"the images are resized by {_method(given)}, in the checkpoint's training by {_method(trained)}",
            f"{field}.resize_method",
            f"{subject.checkpoint.original_path} says so; the network would see other pixels",
            f"resize_method: {_method(trained)}",
        )


def image_size_suits_the_images(subject: Subject) -> Iterator[Problem]:
    """Enlarged images cost time and show no more; squeezed ones have objects of another shape."""
    if not is_supported(subject) or subject.data is None or not subject.data.image_sizes:
        return
    sizes = subject.data.image_sizes
    resizer = subject.detector.image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    if any(problem.severity == "error" for problem in image_size_is_usable(subject)):
        return
    if kind == _FIXED:
        fixed = resizer.fixed_shape_resizer
        scales = [(fixed.width / width, fixed.height / height) for width, height in sizes]
    elif kind == _KEEP_RATIO:
        scales = [(scale, scale) for scale in (_kept_scale(resizer, *size) for size in sizes)]
    else:
        return
    field = f"model.{subject.kind}.image_resizer.{kind}"
    enlarged = median((x * y) ** 0.5 for x, y in scales)
    squeezed = median(max(x / y, y / x) for x, y in scales)
    if enlarged >= _ENLARGED:
        yield Problem(
            "warning",
            f"the images are enlarged, most about {enlarged:.1f} times: they are {_shown(sizes)}",
            field,
            "enlarging adds no detail and costs time",
            "take larger pictures, or a detector that was trained at a size nearer to theirs",
        )
    if squeezed >= _SQUEEZED:
        yield Problem(
            "warning",
            f"the images are squeezed, most about {squeezed:.1f} times in one direction: "
            f"they are {_shown(sizes)}",
            field,
            "objects lose the shape that the checkpoint knows them by",
            "cut the pictures into parts nearer to the input's shape, or pad them",
        )


def kept_ratio_makes_a_batch(subject: Subject) -> Iterator[Problem]:
    """Images that keep their aspect ratio have sizes of their own, so they make no batch."""
    if not is_supported(subject):
        return
    kind = subject.detector.image_resizer.WhichOneof("image_resizer_oneof")
    batch, is_set = subject.training.batch_size, subject.training.HasField("batch_size")
    if kind == _KEEP_RATIO and batch > 1:
        yield Problem(
            "error" if subject.is_final or is_set else "warning",
            f"{_KEEP_RATIO} with a batch_size of {batch}" + ("" if is_set else ", the default"),
            f"model.{subject.kind}.image_resizer.{kind}",
            "images that keep their aspect ratio have sizes of their own and can't be stacked",
            f"batch_size: 1 and a learning rate for it, as TF1 trained such models; or {_FIXED}",
        )


def _fixed(subject: Subject, fixed: Any, field: str) -> Iterator[Problem]:
    size = f"{fixed.width}x{fixed.height} pixels"
    if min(fixed.height, fixed.width) < SMALL_IMAGE_SIDE:
        yield Problem(
            "error",
            f"images of {size} are too small",
            field,
            f"below {SMALL_IMAGE_SIDE} pixels the coarser feature maps have no cell",
            "use the height and width of the training, such as 300",
        )
    elif subject.ssd and fixed.height * fixed.width > _LARGE_IMAGE_PIXELS:
        yield Problem(
            "warning",
            f"images of {size} need much memory and time",
            field,
            "cost grows with the number of pixels: four times that of 300x300 at 600x600",
            "keep it where objects are small and there is a GPU; else train at the checkpoint's own size",
        )


def _kept_ratio(subject: Subject, kept: Any, field: str) -> Iterator[Problem]:
    if kept.min_dimension > kept.max_dimension:
        yield Problem(
            "error",
            f"min_dimension is {kept.min_dimension}, above max_dimension, {kept.max_dimension}",
            f"{field}.min_dimension",
            "they bound the shorter and the longer side",
            "use those of the training, such as 600 and 1024",
        )
    elif kept.min_dimension < SMALL_IMAGE_SIDE:
        yield Problem(
            "error",
            f"images with a shorter side of {kept.min_dimension} pixels are too small",
            f"{field}.min_dimension",
            f"below {SMALL_IMAGE_SIDE} pixels the coarser feature maps have no cell",
            "use the min_dimension of the training, such as 600",
        )
    elif subject.ssd:
        yield Problem(
            "info",
            f"image_resizer is {_KEEP_RATIO}, which no native SSD has",
            field,
            SLOWER,
            "nothing to do, if the checkpoint was trained so; batch_size must be 1",
        )


def _channels(subject: Subject) -> int | None:
    """Of the images that the checkpoint was trained on; None where that isn't known."""
    variables = subject.checkpoint.variables if subject.checkpoint else {}
    convolutions = [
        shape for name, shape in variables.items() if name.endswith("weights") and len(shape) == 4
    ]
    return next((shape[2] for shape in convolutions if shape[2] in (1, 3)), None)


def _size(resizer: Any) -> str:
    kind = resizer.WhichOneof("image_resizer_oneof")
    chosen = getattr(resizer, kind)
    if kind == _FIXED:
        return f"{chosen.width}x{chosen.height}"
    if kind == _KEEP_RATIO:
        return f"{chosen.min_dimension} to {chosen.max_dimension}, keeping the aspect ratio"
    return str(kind)


def _method(resizer: Any) -> str:
    chosen = getattr(resizer, resizer.WhichOneof("image_resizer_oneof"))
    field = chosen.DESCRIPTOR.fields_by_name.get("resize_method")
    return str(field.enum_type.values_by_number[chosen.resize_method].name) if field else ""


def _kept_scale(resizer: Any, width: int, height: int) -> float:
    kept = resizer.keep_aspect_ratio_resizer
    return float(min(kept.min_dimension / min(width, height), kept.max_dimension / max(width, height)))


def _shown(sizes: tuple[tuple[int, int], ...]) -> str:
    shown = ", ".join(f"{width}x{height}" for width, height in sizes[:3])
    return f"{shown}, ..." if len(sizes) > 3 else shown


RULES = (
    Rule(
        "CFG005",
        "image size",
        image_size_is_usable,
        ("error", "warning", "info"),
        "image_resizer { fixed_shape_resizer { height: 30 width: 30 } }",
        "Use the image_resizer of the training.",
    ),
    Rule(
        "CFG026",
        "image size against the checkpoint's training",
        image_size_is_the_trainings,
        ("error", "warning"),
        "fixed_shape_resizer { height: 640 width: 640 }  # with a checkpoint trained at 300x300",
        "Use the image_resizer of the pipeline.config beside the checkpoint.",
    ),
    Rule(
        "CFG027",
        "image size against the images",
        image_size_suits_the_images,
        ("warning",),
        "fixed_shape_resizer { height: 300 width: 300 }  # with pictures of 3000x600 pixels",
        "Cut or pad the pictures, so that they have about the shape of the input.",
    ),
    Rule(
        "CFG034",
        "images of kept aspect ratio in a batch",
        kept_ratio_makes_a_batch,
        ("error", "warning"),
        "keep_aspect_ratio_resizer { min_dimension: 600 max_dimension: 1024 }  # with batch_size: 8",
        "Set batch_size to 1, or use fixed_shape_resizer.",
    ),
)
