"""Rules about the size of the network's input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_image_size import RULES
from components.config_validator.subject import Problem
from detection.config.pipeline_config import parse_pipeline_config
from tests.components.config_validator.facts import checkpoint, data
from tests.parity.od_api_configs import CONFIGS

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

RESIZER = "model { ssd { image_resizer { %s } } }"
KEEP = "model { faster_rcnn { image_resizer { keep_aspect_ratio_resizer { %s } } } }"


@pytest.fixture
def faster_rcnn() -> Any:
    """Keeps the aspect ratio, 120 to 200 pixels, one image a batch."""
    return parse_pipeline_config(CONFIGS["faster_rcnn_resnet50"] + "train_config { batch_size: 1 }", "c")


def test_sound_sizes(config: Any, faster_rcnn: Any, problems_of: ProblemsOf) -> None:
    assert problems_of(RULES, config) == []
    assert problems_of(RULES, faster_rcnn) == []


@pytest.mark.parametrize(
    ("resizer", "severity", "message"),
    [
        ("keep_aspect_ratio_resizer { }", "info", "keep_aspect_ratio_resizer"),
        ("identity_resizer { }", "error", "identity_resizer"),
        ("fixed_shape_resizer { height: 32 }", "error", "300x32 pixels"),
        ("fixed_shape_resizer { height: 1024 width: 1024 }", "warning", "1024x1024 pixels"),
        ("fixed_shape_resizer { convert_to_grayscale: true }", "warning", "convert_to_grayscale"),
    ],
)
def test_sizes_of_ssd(
    config: Any, resizer: str, severity: str, message: str, problems_of: ProblemsOf
) -> None:
    config.train_config.batch_size = 1
    ((code, problem),) = problems_of(RULES, config, RESIZER % resizer)
    assert (code, problem.severity) == ("CFG005", severity)
    assert message in problem.message


@pytest.mark.parametrize(
    ("resizer", "message"),
    [
        ("min_dimension: 20", "a shorter side of 20 pixels"),
        ("min_dimension: 600", "min_dimension is 600, above max_dimension, 200"),
    ],
)
def test_sizes_of_faster_rcnn(faster_rcnn: Any, resizer: str, message: str, problems_of: ProblemsOf) -> None:
    ((code, problem),) = problems_of(RULES, faster_rcnn, KEEP % resizer)
    assert (code, problem.severity) == ("CFG005", "error")
    assert message in problem.message


@pytest.mark.parametrize(("channels", "severity"), [(1, None), (3, "error"), (None, "warning")])
def test_grey_images(
    config: Any, channels: int | None, severity: str | None, problems_of: ProblemsOf
) -> None:
    shapes = {"FeatureExtractor/MobilenetV2/Conv/weights": (3, 3, channels, 32)} if channels else {}
    text = RESIZER % "fixed_shape_resizer { convert_to_grayscale: true }"
    found = problems_of(RULES, config, text, checkpoint=checkpoint(shapes))
    assert [(code, problem.severity) for code, problem in found] == (
        [("CFG005", severity)] if severity else []
    )


@pytest.mark.parametrize(
    ("resizer", "severity", "message"),
    [
        ("", None, ""),
        ("height: 320 width: 320", "error", "made 320x320, but the checkpoint was trained at 300x300"),
        ("resize_method: BICUBIC", "warning", "resized by BICUBIC, in the checkpoint's training by BILINEAR"),
    ],
)
def test_the_size_of_the_training(
    config: Any, resizer: str, severity: str | None, message: str, problems_of: ProblemsOf
) -> None:
    original = type(config)()
    original.CopyFrom(config)
    facts = checkpoint(original=original, original_path="zoo/pipeline.config")
    found = problems_of(RULES, config, RESIZER % f"fixed_shape_resizer {{ {resizer} }}", checkpoint=facts)
    assert [(code, problem.severity) for code, problem in found] == (
        [("CFG026", severity)] if severity else []
    )
    assert all(message in problem.message and "zoo" in problem.reason for _, problem in found)


def test_another_range_is_a_warning(faster_rcnn: Any, problems_of: ProblemsOf) -> None:
    original = type(faster_rcnn)()
    original.CopyFrom(faster_rcnn)
    facts = checkpoint(original=original, original_path="p")
    ((code, problem),) = problems_of(RULES, faster_rcnn, KEEP % "min_dimension: 100", checkpoint=facts)
    assert (code, problem.severity) == ("CFG026", "warning")
    assert "100 to 200, keeping the aspect ratio" in problem.message


def test_the_config_of_another_model_says_nothing(
    config: Any, faster_rcnn: Any, problems_of: ProblemsOf
) -> None:
    facts = checkpoint(original=faster_rcnn, original_path="p")
    assert problems_of(RULES, config, checkpoint=facts) == []


@pytest.mark.parametrize(
    ("sizes", "messages"),
    [
        (((800, 600), (640, 480)), []),
        (((151, 151),), []),
        (((120, 100), (96, 96)), ["enlarged, most about 2.9 times: they are 120x100, 96x96"]),
        (((1200, 300), (300, 1200)), ["squeezed, most about 4.0 times in one direction"]),
        (((1920, 1080),), []),
    ],
)
def test_sizes_of_the_images(
    config: Any, sizes: tuple[tuple[int, int], ...], messages: list[str], problems_of: ProblemsOf
) -> None:
    found = problems_of(RULES, config, data=data(image_sizes=sizes))
    assert [(code, problem.severity) for code, problem in found] == [("CFG027", "warning")] * len(messages)
    assert all(m in problem.message for m, (_, problem) in zip(messages, found, strict=True))


def test_kept_ratios_are_only_enlarged(faster_rcnn: Any, problems_of: ProblemsOf) -> None:
    found = problems_of(RULES, faster_rcnn, data=data(image_sizes=((30, 90),)))
    assert [problem.message for _, problem in found] == [
        "the images are enlarged, most about 2.2 times: they are 30x90"
    ]


@pytest.mark.parametrize(
    ("training", "is_final", "severity"),
    [
        ("batch_size: 1", True, None),
        ("batch_size: 8", False, "error"),
        ("", False, "warning"),  # the detector's YAML may set it
        ("", True, "error"),
    ],
)
def test_kept_ratios_in_a_batch(
    faster_rcnn: Any, training: str, is_final: bool, severity: str | None, problems_of: ProblemsOf
) -> None:
    faster_rcnn.ClearField("train_config")
    found = problems_of(RULES, faster_rcnn, f"train_config {{ {training} }}", is_final=is_final)
    assert [(code, problem.severity) for code, problem in found] == (
        [("CFG034", severity)] if severity else []
    )
