"""Rules about what is taken over from the checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.checkpoint_facts import CheckpointFacts, Kind
from components.config_validator.rules_fine_tuning import RULES
from components.config_validator.subject import Problem
from detection.errors import BadInput

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

TRAIN = "train_config { %s }"
VARIABLES = (
    "FeatureExtractor/MobilenetV2/Conv/weights",
    "FeatureExtractor/MobilenetV2/Conv/BatchNorm/gamma",
    "FeatureExtractor/MobilenetV2/Conv/BatchNorm/moving_mean",
    "BoxPredictor_0/ClassPredictor/weights",
)


def checkpoint(kind: Kind) -> CheckpointFacts:
    """Facts of a small checkpoint."""
    return CheckpointFacts("model.ckpt", kind, 4, dict.fromkeys(VARIABLES, (1,)))


@pytest.mark.parametrize(
    ("text", "kind", "severity", "message"),
    [
        ("fine_tune_checkpoint_type: 'classification'", None, "warning", '"classification"'),
        ("fine_tune_checkpoint_type: 'detect'", None, "error", "'detect'"),
        ("fine_tune_checkpoint_type: 'detection'", "classification", "error", "classifier's, but"),
        ("fine_tune_checkpoint_type: 'classification'", "detection", "info", "is a detector's"),
        ("fine_tune_checkpoint_type: 'classification'", "tf2", "info", "is a detector's"),
        ("fine_tune_checkpoint_type: 'classification'", "classification", "", ""),
        ("fine_tune_checkpoint_type: 'fine_tune'", None, "", ""),
        ("fine_tune_checkpoint_type: 'detection'", "detection", "", ""),
    ],
)
def test_the_type_is_compared_with_the_checkpoint(
    config: Any, problems_of: ProblemsOf, text: str, kind: Kind | None, severity: str, message: str
) -> None:
    problems = problems_of(RULES, config, TRAIN % text, checkpoint=checkpoint(kind) if kind else None)
    assert [(c, p.severity) for c, p in problems] == ([("CFG015", severity)] if severity else [])
    assert all(message in p.message for _, p in problems)


@pytest.mark.parametrize(
    ("old", "kind", "new"),
    [
        ("true", None, "detection"),
        ("false", None, "classification"),
        ("false", "detection", "detection"),
        ("true", "tf2", "detection"),
        ("false", "classification", "classification"),
    ],
)
def test_the_old_name_of_the_type_is_replaced(
    config: Any, problems_of: ProblemsOf, old: str, kind: Kind | None, new: str
) -> None:
    config.train_config.ClearField("fine_tune_checkpoint_type")
    facts = checkpoint(kind) if kind else None
    text = TRAIN % f"from_detection_checkpoint: {old}"
    ((code, problem),) = problems_of(RULES, config, text, checkpoint=facts)
    assert (code, problem.severity) == ("CFG015", "info")
    assert [(c.field.rpartition(".")[2], c.value) for c in problem.changes] == [
        ("from_detection_checkpoint", None),
        ("fine_tune_checkpoint_type", new),
    ]
    # and with the changes made there is nothing left to change
    config.train_config.ClearField("from_detection_checkpoint")
    config.train_config.fine_tune_checkpoint_type = new
    assert [p for _, p in problems_of(RULES, config, checkpoint=facts) if p.changes] == []


@pytest.mark.parametrize(
    ("version", "kind", "wanted"),
    [("V2", "detection", "V1"), ("V1", "tf2", "V2"), ("UNKNOWN", "detection", "V1"), ("V1", "detection", ""),
     ("V2", "tf2", ""), ("V2", "classification", ""), ("V2", None, "")],
)  # fmt: skip
def test_the_version_is_the_checkpoints(
    config: Any, problems_of: ProblemsOf, version: str, kind: Kind | None, wanted: str
) -> None:
    config.train_config.fine_tune_checkpoint_type = (
        "classification" if kind == "classification" else "detection"
    )
    text = TRAIN % f"fine_tune_checkpoint_version: {version}"
    problems = problems_of(RULES, config, text, checkpoint=checkpoint(kind) if kind else None)
    assert [(c, p.changes[0].value) for c, p in problems] == ([("CFG040", wanted)] if wanted else [])


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("load_all_detection_checkpoint_vars: true", "info"),
        ("load_all_detection_checkpoint_vars: false", "info"),
        ("load_all_detection_checkpoint_vars: true fine_tune_checkpoint_type: 'classification'", "warning"),
        ("", ""),
    ],
)
def test_load_all_is_explained(config: Any, problems_of: ProblemsOf, text: str, severity: str) -> None:
    problems = [(c, p) for c, p in problems_of(RULES, config, TRAIN % text) if c == "CFG041"]
    assert [p.severity for _, p in problems] == ([severity] if severity else [])


def test_load_all_of_a_classifier_is_a_mistake(config: Any, problems_of: ProblemsOf) -> None:
    config.train_config.fine_tune_checkpoint_type = "classification"
    text = TRAIN % "load_all_detection_checkpoint_vars: true"
    ((code, problem),) = problems_of(RULES, config, text, checkpoint=checkpoint("classification"))
    assert (code, problem.severity) == ("CFG041", "warning")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("freeze_variables: 'Feature(Extractor'", None, "not a regular expression"),
        ("update_trainable_variables: '*'", None, "not a regular expression"),
        ("freeze_variables: '.*'", None, "matches every variable"),
        ("freeze_variables: ''", None, "matches every variable"),
        ("freeze_variables: 'resnet_v1_50'", "detection", "matches no variable of the checkpoint"),
        ("freeze_variables: 'moving_mean'", "detection", "matches no variable of the checkpoint"),
        ("update_trainable_variables: 'boxpredictor'", "detection", "matches no variable of the checkpoint"),
        ("freeze_variables: 'MobilenetV2/Conv/'", "detection", ""),
        ("freeze_variables: 'resnet_v1_50'", None, ""),
        ("freeze_variables: 'resnet_v1_50'", "tf2", ""),  # its names are not TF1's
        ("update_trainable_variables: '.*'", "detection", ""),
        ("freeze_variables: 'gamma$|beta$'", "detection", ""),
        ("freeze_variables: '([a-zA-Z0-9/]+)+!'", "detection", ""),  # not tried: it could take hours
        ("freeze_variables: '.*a.*b.*c.*d.*e.*!'", "detection", ""),
    ],
)
def test_patterns_must_find_variables(
    config: Any, problems_of: ProblemsOf, text: str, kind: Kind | None, message: str
) -> None:
    problems = problems_of(RULES, config, TRAIN % text, checkpoint=checkpoint(kind) if kind else None)
    assert [(c, p.severity) for c, p in problems] == ([("CFG017", "error")] if message else [])
    assert all(message in p.message for _, p in problems)


def test_a_pattern_is_an_error_where_the_trainer_refuses_it(config: Any, problems_of: ProblemsOf) -> None:
    from components.trainer.trainable import select_trained
    from detection.builder import build_detector
    from detection.tf1.names import tf1_name

    detector = build_detector(config.model)
    shapes = {
        tf1_name(variable.path, detector.name): tuple(variable.shape) for variable in detector.variables
    }
    facts = CheckpointFacts("model.ckpt", "detection", 4, shapes)
    verdicts = {}
    for pattern in (
        "FeatureExtractor/",
        ".*",
        "resnet_v1_50",
        "moving_variance",
        "Conv/BatchNorm/gamma$",
        "(",
    ):
        config.train_config.ClearField("freeze_variables")
        errors = problems_of(RULES, config, TRAIN % f"freeze_variables: '{pattern}'", checkpoint=facts)
        try:
            select_trained(detector, [pattern])
            refused = False
        except BadInput:
            refused = True
        assert bool(errors) == refused, pattern
        verdicts[pattern] = refused
    assert sum(verdicts.values()) == 4
