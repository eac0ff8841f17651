"""Ranges of augmentations: what the rule calls an error stops the training, what it passes does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_augmentation_ranges import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

STEP = "train_config { data_augmentation_options { %s } }"

BROKEN = [
    ("random_crop_image { min_area: 0 }", "error", "min_area is 0 to 1"),
    ("random_crop_image { max_area: 1.5 }", "error", "min_area is 0.1 to 1.5"),
    ("random_crop_image { min_aspect_ratio: 0 }", "error", "min_aspect_ratio is 0 to 1.33"),
    ("random_crop_image { min_object_covered: -0.1 }", "error", "min_object_covered is -0.1"),
    ("ssd_random_crop { operations { min_area: 0 max_area: 1 %s } }", "error", "min_area is 0 to 1"),
    ("random_adjust_hue { max_delta: 3 }", "error", "max_delta is 3"),
    ("random_crop_image { min_area: 0.9 max_area: 0.2 }", "warning", "min_area is 0.9 to 0.2"),
    ("random_crop_image { min_aspect_ratio: 2 max_aspect_ratio: 0.5 }", "warning", "is 2 to 0.5"),
    ("random_crop_image { min_object_covered: 1.5 }", "warning", "min_object_covered is 1.5"),
    ("random_crop_image { overlap_thresh: 30 }", "warning", "overlap_thresh is 30"),
    ("random_crop_image { random_coef: -1 }", "warning", "random_coef is -1"),
    ("random_adjust_contrast { min_delta: 2 max_delta: 1 }", "warning", "min_delta is 2 to 1"),
    ("random_adjust_saturation { min_delta: -1 }", "warning", "min_delta is -1 to 1.25"),
    ("random_horizontal_flip { probability: 50 }", "warning", "probability is 50"),
    ("random_rgb_to_gray { probability: -0.5 }", "warning", "probability is -0.5"),
    ("random_rotation90 { probability: 2 }", "warning", "probability is 2"),
    ("random_crop_pad_image { min_area: 0 }", "error", "min_area is 0 to 1"),
    ("ssd_random_crop_pad { operations { min_area: 0 max_area: 1 %s } }", "error", "min_area is 0 to 1"),
    (
        """ssd_random_crop_fixed_aspect_ratio { operations {
          min_object_covered: -1 min_area: 0.1 max_area: 1 } }""",
        "error",
        "min_object_covered is -1",
    ),
    ("normalize_image { original_minval: 1 }", "error", "normalize_image has no original_maxval"),
    ("drop_label_probabilistically { }", "error", "drop_label_probabilistically has no label"),
    ("remap_labels { original_labels: 1 }", "error", "remap_labels has no new_label"),
    ("normalize_image { original_minval: 1 original_maxval: 1 }", "error", "original_maxval is 1"),
    ("random_square_crop_by_scale { num_scales: 0 }", "error", "num_scales is 0"),
    ("resize_image { new_height: 0 new_width: 9 }", "error", "new_height is 0"),
    ("resize_image { new_height: 20 }", "error", "resize_image has no new_width"),
    ("random_resize_method { target_width: 20 }", "error", "random_resize_method has no target_height"),
    ("random_pad_image { min_image_width: 20 }", "error", "random_pad_image has no min_image_height"),
    ("random_pad_image { pad_color: [1, 2] }", "error", "pad_color has 2 values"),
    ("subtract_channel_mean { means: 5 }", "error", "means has 1 values"),
    ("random_crop_pad_image { max_padded_size_ratio: 2 }", "error", "max_padded_size_ratio has 1 values"),
    (
        """ssd_random_crop_pad { operations {
          min_area: 0.1 max_area: 1 min_padded_size_ratio: [1, 1, 1] %s } }""",
        "error",
        "min_padded_size_ratio has 3 values",
    ),
]
CROP = (
    "min_object_covered: 0.1 min_aspect_ratio: 0.5 max_aspect_ratio: 2 overlap_thresh: 0.3 random_coef: 0.1"
)
SOUND = [
    "random_crop_image { min_object_covered: 0 min_area: 0.75 overlap_thresh: 0 max_aspect_ratio: 3 }",
    "random_crop_image { min_object_covered: 1.0 random_coef: 1 }",
    "ssd_random_crop { operations { min_area: 0.1 max_area: 1 %s } }",
    "random_adjust_contrast { }",
    "random_adjust_saturation { min_delta: 1 max_delta: 1 }",
    "random_adjust_hue { }",
    "random_vertical_flip { probability: 1 }",
    "random_rgb_to_gray { }",
    "random_crop_pad_image { min_padded_size_ratio: [1, 1] pad_color: [1, 2, 3] }",
    "ssd_random_crop_pad { operations { min_area: 0.1 max_area: 1 %s } }",
    "ssd_random_crop_fixed_aspect_ratio { operations { min_area: 0.1 max_area: 1 } }",
    "ssd_random_crop_pad_fixed_aspect_ratio { operations { min_area: 0.1 max_area: 1 %s } }",
    "random_pad_image { max_image_height: 40 max_image_width: 50 }",
    "resize_image { new_height: 20 new_width: 30 }",
    "normalize_image { original_minval: 0 original_maxval: 255 }",
    "subtract_channel_mean { means: [1, 2, 3] }",
    "remap_labels { original_labels: 1 new_label: 2 }",
]


@pytest.mark.parametrize(("step", "severity", "message"), BROKEN)
def test_one_wrong_range_is_one_answer(
    config: Any, problems_of: ProblemsOf, step: str, severity: str, message: str
) -> None:
    ((code, problem),) = problems_of(RULES, config, STEP % step.replace("%s", CROP))
    assert (code, problem.severity) == ("CFG065", severity)
    assert message in problem.message
    assert problem.field.startswith("train_config.data_augmentation_options[2].")


@pytest.mark.parametrize("step", SOUND)
def test_usual_ranges_have_no_answer(config: Any, problems_of: ProblemsOf, step: str) -> None:
    assert problems_of(RULES, config, STEP % step.replace("%s", CROP)) == []


@pytest.mark.parametrize(
    ("step", "stops"),
    [(step, severity == "error") for step, severity, _ in BROKEN] + [(s, False) for s in SOUND],
)
def test_an_error_is_what_training_stops_at(config: Any, step: str, stops: bool) -> None:
    import tensorflow as tf
    from google.protobuf import text_format

    from detection.augment import build_augmentations
    from detection.augment_example import Example
    from detection.errors import BadInput

    config.train_config.ClearField("data_augmentation_options")
    text_format.Merge(STEP % step.replace("%s", CROP), config)
    image, boxes = tf.fill([20, 30, 3], 99.0), tf.constant([[0.2, 0.2, 0.7, 0.6]])
    stopped = False
    for seed in range(20):  # some of a step's draws leave the picture as it is
        try:
            augmentations = build_augmentations(config.train_config.data_augmentation_options)
            augmentations.apply(Example(image, boxes, tf.constant([1])), tf.constant([seed, 1]))
        except (tf.errors.InvalidArgumentError, ValueError, BadInput):
            stopped = True
    assert stopped == stops
