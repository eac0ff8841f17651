"""Rules about data augmentation: is it applied, and does it keep the pictures true?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from components.config_validator.subject import Problem, Rule, Subject
from detection.config.architectures import AUGMENTATIONS

_OPTIONS = "train_config.data_augmentation_options"
_TINY_PIXELS = 16.0
_CROPS = ("ssd_random_crop", "random_crop_image")
_SIDES = frozenset({"left", "right", "clockwise", "counterclockwise", "anticlockwise"})
_UPS_AND_DOWNS = frozenset({"up", "down", "top", "bottom"})
_WRITING = frozenset({"text", "digit", "digits", "letters", "characters"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def augmentations_are_applied(subject: Subject) -> Iterator[Problem]:
    """An augmentation that training does not have is named, never left out in silence."""
    for name in dict.fromkeys(name for name, _, _ in steps_of(subject) if name not in AUGMENTATIONS):
        yield Problem(
            "warning",
            f"{name} is not applied",
            f"{_OPTIONS}.{name}",
            "training runs without it, so the pictures vary less than the config says",
            "remove it; docs/training.md says which ones are applied",
        )


def flips_keep_the_class(subject: Subject) -> Iterator[Problem]:
    """A mirrored picture of a left arrow shows a right arrow, but keeps the label of the left one."""
    names = _class_names(subject)
    for step, field, message in steps_of(subject):
        if step == "random_horizontal_flip" and message.probability > 0:
            changed = _changed_by(names, _SIDES) + [n for n in names if _is_writing(n, names)]
            way = "mirrored"
        elif step == "random_vertical_flip" and message.probability > 0:
            changed, way = _changed_by(names, _UPS_AND_DOWNS), "upside down"
        else:
            continue
        if changed:
            shown = ", ".join(repr(name) for name in changed[:5]) + (", ..." if len(changed) > 5 else "")
            yield Problem(
                "warning",
                f"{step} with the class{'es' * (len(changed) > 1)} {shown}",
                field,
                f"{way}, such an object is another one, or none at all, but it keeps its label",
                f"remove {step}",
            )


def crops_leave_objects_whole(subject: Subject) -> Iterator[Problem]:
    """A random crop enlarges what it keeps: a detector of tiny objects would hardly see any in training."""
    size = _input_size(subject)
    if subject.data is None or not subject.data.box_sizes or size is None or min(size) < 1:
        return
    sides = sorted((w * size[0] * h * size[1]) ** 0.5 for w, h in subject.data.box_sizes)
    median = sides[len(sides) // 2]
    if median >= _TINY_PIXELS:
        return
    for step, field, _ in steps_of(subject):
        if step in _CROPS:
            yield Problem(
                "warning",
                f"{step}, but half of the objects are below {median:.0f} pixels at the model's input size",
                field,
                "a crop is enlarged to the input size, so training sees objects up to three times as large "
                "as they will be; and those that it cuts leave slivers of a few pixels",
                f"remove {step}, or give the model larger pictures",
            )


def augmentations_have_what_they_move(subject: Subject) -> Iterator[Problem]:
    """Masks and keypoints can only be trained, flipped and measured where there are some."""
    if subject.data is not None and subject.data.masks is False:
        for field, wanted in _mask_fields(subject):
            if wanted:
                yield Problem(
                    "warning",
                    f"{field.rpartition('.')[2]} is set, but the data have no masks",
                    field,
                    "there is nothing to train or measure masks with",
                    "remove it, or give data with masks and set data.masks: true",
                )
    for step, field, message in steps_of(subject):
        for name in ("keypoint_flip_permutation", "keypoint_rot_permutation"):
            if len(getattr(message, name, ())):
                yield Problem(
                    "info",
                    f"{name} of {step} has no keypoints to act on",
                    f"{field}.{name}",
                    "ExampleGen reads boxes, not keypoints; pictures and boxes are flipped all the same",
                    "nothing to do, or remove it",
                )


def steps_of(subject: Subject) -> Iterator[tuple[str, str, Any]]:
    """Name, dotted path and message of each augmentation, in the order of the config."""
    for i, option in enumerate(subject.training.data_augmentation_options):
        if (name := option.WhichOneof("preprocessing_step")) is not None:
            yield name, f"{_OPTIONS}[{i}].{name}", getattr(option, name)


def _class_names(subject: Subject) -> list[str]:
    if subject.label_map is not None:
        return list(subject.label_map.names)
    return sorted(subject.data.boxes_by_class) if subject.data is not None else []


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _changed_by(names: list[str], words: frozenset[str]) -> list[str]:
    """The names that tell one side from another: "turn left", but not "right of way"."""
    return [
        name for name in names
        if words & set(_words(name)) and "of" not in _words(name)
    ]  # fmt: skip


def _is_writing(name: str, names: list[str]) -> bool:
    """Whether a class is a letter or digit, one of several, or writing as such."""
    alone = len(name) == 1 and name.isalnum()
    return (alone and sum(len(n) == 1 for n in names) > 1) or bool(_WRITING & set(_words(name)))


def _input_size(subject: Subject) -> tuple[int, int] | None:
    """Width and height that the model sees at most; None where the resizer doesn't say."""
    resizer = getattr(subject.detector, "image_resizer", None)
    kind = resizer.WhichOneof("image_resizer_oneof") if resizer is not None else None
    if resizer is None or kind is None:
        return None
    if kind == "fixed_shape_resizer":
        return resizer.fixed_shape_resizer.width, resizer.fixed_shape_resizer.height
    if kind == "keep_aspect_ratio_resizer":
        longest = resizer.keep_aspect_ratio_resizer.max_dimension
        return longest, longest
    return None


def _mask_fields(subject: Subject) -> Iterator[tuple[str, bool]]:
    yield "train_input_reader.load_instance_masks", subject.config.train_input_reader.load_instance_masks
    yield "eval_config.eval_instance_masks", subject.evaluation.eval_instance_masks
    if subject.faster_rcnn is not None:
        predictor = subject.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor
        yield (
            "model.faster_rcnn.second_stage_box_predictor.mask_rcnn_box_predictor.predict_instance_masks",
            predictor.predict_instance_masks,
        )


RULES = (
    Rule(
        "CFG016",
        "augmentations",
        augmentations_are_applied,
        ("warning",),
        "data_augmentation_options { autoaugment_image { } }",
        "Remove it, or choose one that training has.",
    ),
    Rule(
        "CFG055",
        "flips that change the class",
        flips_keep_the_class,
        ("warning",),
        "random_horizontal_flip { }  # with the classes turn_left and turn_right",
        "Remove the flip.",
    ),
    Rule(
        "CFG056",
        "crops of tiny objects",
        crops_leave_objects_whole,
        ("warning",),
        "ssd_random_crop { }  # with objects of 10 pixels",
        "Remove the crop, or give the model larger pictures.",
    ),
    Rule(
        "CFG057",
        "masks and keypoints that the data lack",
        augmentations_have_what_they_move,
        ("warning", "info"),
        "random_horizontal_flip { keypoint_flip_permutation: [1, 0] }",
        "Remove the field, or give data that have masks or keypoints.",
    ),
)
