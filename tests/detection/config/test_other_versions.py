"""Fields of other versions are explained where they can't be carried over."""

from __future__ import annotations

import pytest

from detection.config import protos
from detection.config.other_versions import OTHER_VERSIONS
from detection.config.pipeline_config import parse_config
from detection.config.text_fault import TextFault


def test_the_messages_exist_and_the_fields_do_not() -> None:
    for message, field in OTHER_VERSIONS:
        assert field not in getattr(protos, message).DESCRIPTOR.fields_by_name


@pytest.mark.parametrize(
    ("text", "what", "fix"),
    [
        ("ssd { weight_regression_loss_by_score: true }", "no successor", "take it away"),
        (
            "ssd { feature_extractor { batch_norm_trainable: false } freeze_batchnorm: false }",
            "agree",
            "alone",
        ),
        ("ssd { use_expected_classification_loss_under_sampling: true }", "(2018)", "into the loss block"),
        ("ssd { feature_extractor { use_hardswish: true } }", "newer", "can't be upcycled"),
        ("ssd { batch_norm_trainable: true }", "never one here", "freeze_batchnorm"),
        (
            "ssd { feature_extractor { conv_hyperparams { batch_norm_trainable: true } } }",
            "here",
            "take it away",
        ),
        ("faster_rcnn { first_stage_only: yes }", "(2017)", "number_of_stages: 1"),
        (
            "ssd { image_resizer { keep_aspect_ratio_resizer { keep_aspect_ratio_height: 3 } } }",
            "ratio",
            "min_dim",
        ),
        (
            "ssd { post_processing { calibration_config { label_sigmoid_calibrations { } } } }",
            "(2019)",
            "class_id_sigmoid_calibrations",
        ),
    ],
)
def test_refused(text: str, what: str, fix: str) -> None:
    with pytest.raises(TextFault) as caught:
        parse_config(f"model {{\n{text}\n}}", "a")
    assert (caught.value.code, caught.value.line) == ("TXT016", 2)
    assert what in caught.value.what and fix in caught.value.fix
