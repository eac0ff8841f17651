"""What each old field becomes, and which are left alone."""

from __future__ import annotations

import pytest

from detection.config import protos
from detection.config.old_fields import OLD_FIELDS
from detection.config.pipeline_config import parse_config
from detection.config.upgrades import upgrade

ROOT = protos.TrainEvalPipelineConfig.DESCRIPTOR

# text in the model block, the same after the upgrade, codes
CARRIED = [
    ("ssd { feature_extractor { batch_norm_trainable: true } }", "ssd { feature_extractor { } }", "OLD001"),
    (
        "ssd { feature_extractor { batch_norm_trainable: false } }",
        "ssd { feature_extractor { } freeze_batchnorm: true }",
        "OLD001",
    ),
    (
        "ssd { freeze_batchnorm: true feature_extractor { batch_norm_trainable: false } }",
        "ssd { freeze_batchnorm: true feature_extractor { } }",
        "OLD001",
    ),
    (
        "ssd { freeze_batchnorm: false feature_extractor { batch_norm_trainable: true } }",
        "ssd { freeze_batchnorm: false feature_extractor { } }",
        "OLD001",
    ),
    ("faster_rcnn { first_stage_only: true }", "faster_rcnn { number_of_stages: 1 }", "OLD002"),
    ("faster_rcnn { first_stage_only: false }", "faster_rcnn { number_of_stages: 2 }", "OLD002"),
    ("ssd { use_expected_classification_loss_under_sampling: false }", "ssd { }", "OLD003"),
    (
        "ssd { use_expected_classification_loss_under_sampling: true loss { } }",
        "ssd { loss { expected_loss_weights: EXPECTED_SAMPLING } }",
        "OLD003",
    ),
    (
        "ssd { minimum_negative_sampling: 1 desired_negative_sampling_ratio: 3 loss { } }",
        "ssd { loss { min_num_negative_samples: 1 desired_negative_sampling_ratio: 3 } }",
        "OLD004 OLD004",
    ),
    (
        "ssd {\nmin_num_negative_samples: 1 desired_negative_sampling_ratio: 3\nloss { } }",
        "ssd {loss { min_num_negative_samples: 1 desired_negative_sampling_ratio: 3 } }",
        "OLD004 OLD004",
    ),
    ("ssd { weight_regression_loss_by_score: false }", "ssd { }", "OLD005"),
    ("ssd { feature_extractor { use_hardswish: false } }", "ssd { feature_extractor { } }", "OLD008"),
]
LEFT_ALONE = [
    "model { faster_rcnn { feature_extractor { batch_norm_trainable: true } } }",  # there it is no old field
    "model { ssd { weight_regression_loss_by_score: true } }",
    "model { ssd { min_num_negative_samples: 1 } }",  # no loss block to move it to
    "model { ssd { freeze_batchnorm: true feature_extractor { batch_norm_trainable: true } } }",
    "model { faster_rcnn { first_stage_only: true number_of_stages: 2 } }",
    "train_config { data_augmentation_options { random_resize_method { target_height: 30.5 } } }",
    "train_config { startup_delay: 1 startup_delay_steps: 2 }",
    "startup_delay: 1",
    "model { ssd { feature_extractor { batch_norm_trainable",
    "# batch_norm_trainable: true",
]


@pytest.mark.parametrize(("old", "new", "codes"), CARRIED)
def test_carried(old: str, new: str, codes: str) -> None:
    parsed = parse_config(f"model {{ {old} }}", "a")
    assert parsed.config == parse_config(f"model {{ {new} }}", "b").config
    assert parse_config(parsed.text, "c").config == parsed.config
    assert parse_config(parsed.text, "c").upgrades == ()
    assert [upgrade.code for upgrade in parsed.upgrades] == codes.split()
    assert all(upgrade.reason for upgrade in parsed.upgrades)


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_left_alone(text: str) -> None:
    assert upgrade(text, ROOT) == (text, text, ())


def test_sizes_and_delays() -> None:
    method = "random_resize_method { target_height: 300.0 target_width: 400. }"
    text = (
        f"model {{ ssd {{ }} }} train_config {{ startup_delay: 15 data_augmentation_options {{ {method} }} }}"
    )
    parsed = parse_config(text, "a")
    resize = parsed.config.train_config.data_augmentation_options[0].random_resize_method
    assert (resize.target_height, resize.target_width) == (300, 400)
    assert parsed.config.train_config.startup_delay_steps == 15
    assert {(u.code, u.old, u.new) for u in parsed.upgrades} == {
        ("OLD006", "target_height: 300.0", "target_height: 300"),
        ("OLD006", "target_width: 400.", "target_width: 400"),
        ("OLD007", "startup_delay: 15", "startup_delay_steps: 15"),
    }


def test_every_old_field_is_tested() -> None:
    texts = " ".join(old for old, _, _ in CARRIED) + "target_height target_width startup_delay"
    assert all(field in texts for _, field in OLD_FIELDS)
