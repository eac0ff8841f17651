"""Rules about the numbers that augmentations draw from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from components.config_validator.findings import Severity
from components.config_validator.rules_augmentation import steps_of
from components.config_validator.subject import Problem, Rule, Subject

_WITH_PROBABILITY = frozenset(
    {"random_horizontal_flip", "random_vertical_flip", "random_rotation90", "random_rgb_to_gray"}
)
# Settings without a default, and those of which both or neither stand there.
_NEEDED = {
    "drop_label_probabilistically": ("label",),
    "normalize_image": ("original_minval", "original_maxval"),
    "random_resize_method": ("target_height", "target_width"),
    "remap_labels": ("new_label",),
    "resize_image": ("new_height", "new_width"),
}
_PAIRS = (("min_image_height", "min_image_width"), ("max_image_height", "max_image_width"))
# Sizes and counts of which there must be one at least.
_COUNTS = ("new_height", "new_width", "target_height", "target_width", "num_scales")
# How many values a list may have.
_LENGTHS = {
    "means": (3,),
    "max_padded_size_ratio": (0, 2),
    "min_padded_size_ratio": (0, 2),
    "pad_color": (0, 3),
}


def ranges_are_usable(subject: Subject) -> Iterator[Problem]:
    """Ranges of an augmentation must be ones that a number can be drawn from."""
    for step, field, message in steps_of(subject):
        yield from _needed_settings(step, message, field)
        if step.startswith("ssd_random_crop"):
            for i, operation in enumerate(message.operations):
                yield from _crop_ranges(operation, f"{field}.operations[{i}]")
        elif step in ("random_crop_image", "random_crop_pad_image"):
            yield from _crop_ranges(message, field)
        elif step in ("random_adjust_contrast", "random_adjust_saturation"):
            if not 0.0 <= message.min_delta <= message.max_delta:
                yield _out_of_range(
                    "warning", f"{message.min_delta:g} to {message.max_delta:g}", f"{field}.min_delta",
                    "min_delta: 0.8 and max_delta: 1.25", "a factor below 0 makes the picture its negative"
                )  # fmt: skip
        elif step == "random_adjust_hue" and not 0.0 <= message.max_delta <= 1.0:
            yield _out_of_range(
                "error", f"{message.max_delta:g}", f"{field}.max_delta", "max_delta: 0.02",
                "it is a part of the colour circle, so training stops"
            )  # fmt: skip
        elif step in _WITH_PROBABILITY:
            yield from _share(message, "probability", field)


def _needed_settings(step: str, message: Any, field: str) -> Iterator[Problem]:
    """Settings that a step can't do without: training stops before its first step."""
    needed = list(_NEEDED.get(step, ()))
    if step == "random_pad_image":
        needed += [n for pair in _PAIRS if any(map(message.HasField, pair)) for n in pair]
    absent = [name for name in needed if not message.HasField(name)]
    for name in absent:
        yield Problem(
            "error",
            f"{step} has no {name}",
            f"{field}.{name}",
            "there is no default for it, so training stops",
            f"set {name}, or remove {step}",
        )
    for name in _COUNTS:
        if hasattr(message, name) and message.HasField(name) and getattr(message, name) < 1:
            yield _out_of_range(
                "error", f"{getattr(message, name)}", f"{field}.{name}", f"{name} of 1 or more",
                "there is nothing left to train on, so training stops"
            )  # fmt: skip
    if step == "normalize_image" and message.original_minval == message.original_maxval and not absent:
        yield _out_of_range(
            "error", f"{message.original_minval:g}, as is original_minval", f"{field}.original_maxval",
            "original_minval: 0 and original_maxval: 255", "a range has two ends, so training stops"
        )  # fmt: skip
    for place, lists in [
        (field, message),
        *((f"{field}.operations[{i}]", m) for i, m in enumerate(getattr(message, "operations", ()))),
    ]:
        for name, lengths in _LENGTHS.items():
            count = len(getattr(lists, name, ()))
            if hasattr(lists, name) and count not in lengths:
                yield Problem(
                    "error",
                    f"{name} has {count} values",
                    f"{place}.{name}",
                    f"it takes {lengths[-1]}, so training stops",
                    f"give {lengths[-1]} values, or remove {step}",
                )


def _crop_ranges(crop: Any, field: str) -> Iterator[Problem]:
    if not 0.0 < crop.min_area <= crop.max_area <= 1.0:
        fails = not (0.0 < crop.min_area <= 1.0 and 0.0 < crop.max_area <= 1.0)
        yield _out_of_range(
            "error" if fails else "warning", f"{crop.min_area:g} to {crop.max_area:g}", f"{field}.min_area",
            "min_area: 0.1 and max_area: 1.0",
            "an area is a part of the picture's, " + ("so training stops" if fails else "least before most")
        )  # fmt: skip
    # ssd_random_crop_fixed_aspect_ratio has one ratio for all its operations
    if hasattr(crop, "min_aspect_ratio") and not 0.0 < crop.min_aspect_ratio <= crop.max_aspect_ratio:
        fails = not (crop.min_aspect_ratio > 0.0 and crop.max_aspect_ratio > 0.0)
        yield _out_of_range(
            "error" if fails else "warning", f"{crop.min_aspect_ratio:g} to {crop.max_aspect_ratio:g}",
            f"{field}.min_aspect_ratio", "min_aspect_ratio: 0.5 and max_aspect_ratio: 2.0",
            "a ratio of sides is above 0, " + ("so training stops" if fails else "least before most")
        )  # fmt: skip
    if crop.min_object_covered < 0.0:
        yield _out_of_range(
            "error", f"{crop.min_object_covered:g}", f"{field}.min_object_covered", "min_object_covered: 0.1",
            "it is a part of an object's area, so training stops"
        )  # fmt: skip
    else:
        yield from _share(crop, "min_object_covered", field)
    yield from _share(crop, "overlap_thresh", field)
    yield from _share(crop, "random_coef", field)


def _share(message: Any, name: str, field: str) -> Iterator[Problem]:
    value = getattr(message, name)
    if not 0.0 <= value <= 1.0:
        yield _out_of_range(
            "warning",
            f"{value:g}",
            f"{field}.{name}",
            f"{name} between 0 and 1",
            "it is a share, from 0 to 1",
        )


def _out_of_range(severity: Severity, value: str, field: str, fix: str, reason: str) -> Problem:
    return Problem(severity, f"{field.rpartition('.')[2]} is {value}", field, reason, fix)


RULES = (
    Rule(
        "CFG065",
        "ranges of augmentations",
        ranges_are_usable,
        ("error", "warning"),
        "random_crop_image { min_area: 0.0 }",
        "Give shares between 0 and 1, the least before the most.",
    ),
)
