"""Rules about train_config: each is broken once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.findings import Finding
from components.config_validator.fixes import apply_fixes

FindingsOf = Callable[..., list[Finding]]

TRAIN = "train_config { %s }"
COSINE = TRAIN % "optimizer { momentum_optimizer { learning_rate { cosine_decay_learning_rate { %s } } } }"
MANUAL = (
    TRAIN % "optimizer { momentum_optimizer { learning_rate { manual_step_learning_rate { "
    "initial_learning_rate: 0.01 %s } } } }"
)

# text merged into the sound config; code, severity, part of the message
BROKEN = [
    (TRAIN % "batch_size: 0", "CFG011", "error", "batch_size is 0"),
    (TRAIN % "batch_size: 512", "CFG011", "warning", "batch_size is 512"),
    (COSINE % "learning_rate_base: 0.08", "CFG012", "warning", "reaches 0.08 with momentum_optimizer"),
    (COSINE % "learning_rate_base: 0 warmup_learning_rate: 0", "CFG012", "error", "learning rate is 0"),
    (TRAIN % "num_steps: 0", "CFG013", "error", "num_steps is not set"),
    (COSINE % "warmup_steps: 400", "CFG014", "error", "400 of 400 steps"),
    (COSINE % "warmup_learning_rate: 0.015", "CFG014", "error", "warmup starts at 0.015"),
    (MANUAL % "schedule { step: 20 } schedule { step: 10 }", "CFG014", "error", "[20, 10]"),
    (MANUAL % "schedule { step: 900 }", "CFG014", "info", "first changes at step 900"),
    (TRAIN % "fine_tune_checkpoint_type: 'classification'", "CFG015", "warning", '"classification"'),
    (TRAIN % "fine_tune_checkpoint_type: 'detect'", "CFG015", "error", "'detect'"),
    (TRAIN % "data_augmentation_options { random_rotation90 { } }", "CFG016", "warning", "random_rotation90"),
    (TRAIN % "freeze_variables: 'Feature(Extractor'", "CFG017", "error", "not a regular expression"),
    (TRAIN % "sync_replicas: true", "CFG018", "info", "sync_replicas has no effect"),
]


@pytest.mark.parametrize(("text", "code", "severity", "message"), BROKEN)
def test_one_broken_rule_is_one_finding(
    config: Any, findings_of: FindingsOf, text: str, code: str, severity: str, message: str
) -> None:
    findings = findings_of(config, text)
    assert [(f.code, f.severity) for f in findings] == [(code, severity)]
    assert message in findings[0].message
    assert int(findings[0].location.removeprefix("p.config:")) > 100
    assert findings[0].reason and findings[0].fix and not findings[0].safe


def test_a_rate_is_judged_with_its_batch(config: Any, findings_of: FindingsOf) -> None:
    assert findings_of(config, (TRAIN % "batch_size: 64") + COSINE % "learning_rate_base: 0.03") == []


def test_no_optimizer_is_said(config: Any, findings_of: FindingsOf) -> None:
    config.train_config.ClearField("optimizer")
    (finding,) = findings_of(config)
    assert (finding.code, finding.severity) == ("CFG019", "warning")


@pytest.mark.parametrize(("total_steps", "severity"), [(300, "error"), (5000, "warning")])
def test_a_cosine_of_another_length_is_fitted(
    config: Any, findings_of: FindingsOf, total_steps: int, severity: str
) -> None:
    (finding,) = findings_of(config, COSINE % f"total_steps: {total_steps}")
    assert (finding.code, finding.severity, finding.safe) == ("CFG014", severity, True)
    fixed = apply_fixes(config, [finding])
    rate = fixed.train_config.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate
    assert rate.total_steps == 400
    assert findings_of(fixed) == []


def test_the_old_name_of_the_checkpoint_type_is_replaced(config: Any, findings_of: FindingsOf) -> None:
    config.train_config.ClearField("fine_tune_checkpoint_type")
    (finding,) = findings_of(config, TRAIN % "from_detection_checkpoint: true")
    assert (finding.code, finding.severity, finding.safe) == ("CFG015", "info", True)
    fixed = apply_fixes(config, [finding])
    assert fixed.train_config.fine_tune_checkpoint_type == "detection"
    assert not fixed.train_config.HasField("from_detection_checkpoint")
    assert findings_of(fixed) == []
