"""Rules about anchors: can there be such, and do they fit the boxes of the data?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from components.config_validator.rules_feature_maps import anchors_fit_feature_maps
from components.config_validator.rules_image_size import image_size_is_usable
from components.config_validator.subject import Problem, Rule, Subject
from detection.config.feature_map_sizes import first_stage_stride

if TYPE_CHECKING:
    from components.config_validator.anchor_match import AnchorShape

_OVERLAP = 0.5
_UNMATCHED = 0.25  # of the boxes; from here on it is said
_FEW_BOXES = 20


def anchors_can_be(subject: Subject) -> Iterator[Problem]:
    """An anchor needs a size, and the sizes must rise with the feature maps."""
    if subject.ssd is not None:
        generator, field = subject.ssd.anchor_generator, "model.ssd.anchor_generator"
    elif subject.faster_rcnn is not None:
        generator = subject.faster_rcnn.first_stage_anchor_generator
        field = "model.faster_rcnn.first_stage_anchor_generator"
    else:
        return
    kind = generator.WhichOneof("anchor_generator_oneof")
    check = _CHECKS.get(kind or "")
    if check is not None:
        yield from check(getattr(generator, kind), f"{field}.{kind}", subject)


def anchors_match_the_boxes(subject: Subject) -> Iterator[Problem]:
    """A box teaches through the anchors that overlap it by half or more."""
    data = subject.data
    if data is None or len(data.box_centers) < _FEW_BOXES or (size := _input_size(subject)) is None:
        return
    if any(problem.severity == "error" for check in _BEFORE for problem in check(subject)):
        return  # no such anchors can be made
    import numpy as np

    from components.config_validator.anchor_match import best_overlaps

    shapes = _anchors(subject, size)
    if not shapes:
        return
    sizes, centers = np.array(data.box_sizes), np.array(data.box_centers)
    lost = best_overlaps(shapes, sizes, centers) < _OVERLAP
    if lost.mean() < _UNMATCHED:
        return
    width, height = np.median(sizes[lost], axis=0) * (size[1], size[0])
    smallest = min((shape.width * size[1], shape.height * size[0]) for shape in shapes)
    smaller = width * height < smallest[0] * smallest[1]
    forced = subject.ssd is None or subject.ssd.matcher.argmax_matcher.force_match_for_each_row
    yield Problem(
        "warning",
        f"no anchor overlaps {lost.mean():.0%} of the boxes by half (IoU {_OVERLAP})",
        _generator_field(subject),
        ("such a box teaches through its one best anchor" if forced else "such a box is never learned")
        + f"; in the network's input they are {width:.0f}x{height:.0f} pixels in the median, "
        + f"the smallest anchor is {smallest[0]:.0f}x{smallest[1]:.0f}",
        "take a detector with finer feature maps or a larger input, or cut the pictures into parts"
        if smaller
        else "give the anchors scales and aspect ratios like the boxes', as many as the checkpoint has",
    )


def _ssd(anchors: Any, field: str, subject: Subject) -> Iterator[Problem]:
    yield from _positive(anchors, field, ("scales", "aspect_ratios"))
    yield from _positive(anchors, field, ("base_anchor_height", "base_anchor_width"))
    if not anchors.scales:
        yield from _rising(anchors, field)
    elif 0 < len(anchors.scales) < anchors.num_layers:
        yield _lacking(f"{field}.scales", len(anchors.scales), anchors.num_layers, "scales")
    if not anchors.aspect_ratios and not anchors.interpolated_scale_aspect_ratio > 0:
        yield _none(f"{field}.aspect_ratios", "aspect_ratios")
    for name in ("height_stride", "width_stride", "height_offset", "width_offset"):
        count = len(getattr(anchors, name))
        if count and count != anchors.num_layers:
            yield _lacking(f"{field}.{name}", count, anchors.num_layers, name)


def _rising(anchors: Any, field: str) -> Iterator[Problem]:
    if not 0 < anchors.min_scale < math.inf:
        yield _not_positive(f"{field}.min_scale", "min_scale", anchors.min_scale)
    elif anchors.num_layers > 1 and not anchors.min_scale < anchors.max_scale < math.inf:
        yield Problem(
            "error",
            f"min_scale is {anchors.min_scale:g}, max_scale {anchors.max_scale:g}",
            f"{field}.min_scale",
            "the coarser a feature map, the larger its anchors must be",
            "use those of the training, such as 0.2 and 0.95",
        )


def _multiscale(anchors: Any, field: str, subject: Subject) -> Iterator[Problem]:
    yield from _positive(anchors, field, ("aspect_ratios",))
    yield from _positive(anchors, field, ("anchor_scale", "scales_per_octave"))
    if not anchors.aspect_ratios:
        yield _none(f"{field}.aspect_ratios", "aspect_ratios")
    if anchors.min_level > anchors.max_level:
        yield Problem(
            "error",
            f"min_level is {anchors.min_level}, max_level {anchors.max_level}",
            f"{field}.min_level",
            "there is no level from the one to the other",
            "use the levels of feature_extractor.fpn, such as 3 and 7",
        )


def _grid(anchors: Any, field: str, subject: Subject) -> Iterator[Problem]:
    yield from _positive(anchors, field, ("scales", "aspect_ratios"))
    yield from _positive(anchors, field, ("height", "width", "height_stride", "width_stride"))
    for name in ("scales", "aspect_ratios"):
        if not getattr(anchors, name):
            yield _none(f"{field}.{name}", name)
    stride = first_stage_stride(subject.faster_rcnn)
    for name in ("height_stride", "width_stride"):
        found = getattr(anchors, name)
        if found > 0 and found != stride:
            yield Problem(
                "warning",
                f"{name} is {found}, but a cell of the first stage has {stride} pixels",
                f"{field}.{name}",
                "the anchors do not lie on their cells: they cover "
                + ("a part of the image only" if found < stride else "more than the image"),
                f"{name}: {stride}, unless the checkpoint was trained otherwise",
            )


def _positive(anchors: Any, field: str, names: tuple[str, ...]) -> Iterator[Problem]:
    for name in names:
        value = getattr(anchors, name)
        wrong = [
            v for v in ([value] if isinstance(value, int | float) else value) if not 0 < v < math.inf
        ]  # NaN too
        if wrong:
            yield _not_positive(f"{field}.{name}", name, wrong[0])


def _not_positive(field: str, name: str, value: float) -> Problem:
    return Problem(
        "error",
        f"{name} is {value:g}",
        field,
        "an anchor must have a height and a width",
        "a number above 0, as in the config of the training",
    )


def _none(field: str, name: str) -> Problem:
    return Problem(
        "error",
        f"{name} is missing",
        field,
        "without it there are no anchors",
        f"give the {name} of the training, such as 1.0, 2.0 and 0.5",
    )


def _lacking(field: str, count: int, maps: int, name: str) -> Problem:
    return Problem(
        "error",
        f"{name} has {count} values for {maps} feature maps",
        field,
        "each feature map has its own",
        f"give {maps} values, or none",
    )


_BEFORE = (anchors_can_be, image_size_is_usable, anchors_fit_feature_maps)
_CHECKS = {
    "ssd_anchor_generator": _ssd,
    "multiscale_anchor_generator": _multiscale,
    "grid_anchor_generator": _grid,
}


def _input_size(subject: Subject) -> tuple[int, int] | None:
    """(height, width) of the network's input; of the most frequent image's where each keeps its ratio."""
    if subject.ssd is None and subject.faster_rcnn is None:
        return None
    resizer = subject.detector.image_resizer
    kind = resizer.WhichOneof("image_resizer_oneof")
    if kind == "fixed_shape_resizer":
        return resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width
    if kind != "keep_aspect_ratio_resizer" or subject.data is None or not subject.data.image_sizes:
        return None
    (width, height), kept = subject.data.image_sizes[0], resizer.keep_aspect_ratio_resizer
    scale = min(kept.min_dimension / min(width, height), kept.max_dimension / max(width, height))
    return round(height * scale), round(width * scale)


def _anchors(subject: Subject, size: tuple[int, int]) -> list[AnchorShape]:
    from components.config_validator.anchor_match import first_stage_anchors, ssd_anchors

    if subject.ssd is not None:
        return ssd_anchors(subject.ssd)
    return first_stage_anchors(subject.faster_rcnn, size)


def _generator_field(subject: Subject) -> str:
    if subject.ssd is not None:
        return "model.ssd.anchor_generator"
    return "model.faster_rcnn.first_stage_anchor_generator"


RULES = (
    Rule(
        "CFG028",
        "anchors against the boxes of the data",
        anchors_match_the_boxes,
        ("warning",),
        "ssd_anchor_generator { min_scale: 0.2 }  # with boxes of a hundredth of the image's side",
        "Take a detector with finer feature maps or a larger input, or give the anchors other sizes.",
    ),
    Rule(
        "CFG038",
        "impossible anchors",
        anchors_can_be,
        ("error", "warning"),
        "ssd_anchor_generator { min_scale: 0.95 max_scale: 0.2 }",
        "Use the anchor generator of the training.",
    ),
)
