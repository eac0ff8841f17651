"""Rules about batch norm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import text_format

from components.config_validator.checkpoint_facts import CheckpointFacts
from components.config_validator.rules_batch_norm import RULES
from components.config_validator.subject import Problem

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

BATCH = "train_config { batch_size: %d }"
NORM = "model { ssd { feature_extractor { conv_hyperparams { batch_norm { %s } } } } }"
FROZEN = "model { ssd { freeze_batchnorm: true } }"
FIELD = "model.ssd.feature_extractor.conv_hyperparams.batch_norm"


@pytest.mark.parametrize(
    ("text", "code", "severity", "message"),
    [
        (BATCH % 1, "CFG051", "info", "set to train, with batches of 1"),
        (BATCH % 3, "CFG051", "info", "set to train, with batches of 3"),
        (BATCH % 32 + FROZEN, "CFG051", "info", "frozen, with batches of 32"),
        (NORM % "epsilon: 0", "CFG052", "error", "epsilon of batch norm is 0"),
        (NORM % "epsilon: -0.001", "CFG052", "error", "epsilon of batch norm is -0.001"),
        (NORM % "epsilon: 1.0", "CFG052", "warning", "epsilon of batch norm is 1"),
        (NORM % "decay: 1.0", "CFG052", "warning", "decay of batch norm is 1"),
        (NORM % "decay: -0.1", "CFG052", "warning", "decay of batch norm is -0.1"),
    ],
)
def test_one_broken_rule_is_one_answer(
    config: Any, problems_of: ProblemsOf, text: str, code: str, severity: str, message: str
) -> None:
    problems = problems_of(RULES, config, text)
    assert [(c, p.severity) for c, p in problems] == [(code, severity)]
    assert message in problems[0][1].message


@pytest.mark.parametrize(
    "text",
    [
        "",
        BATCH % 4,
        BATCH % 0,
        BATCH % 1 + FROZEN,
        BATCH % 1 + NORM % "train: false",
        BATCH % 64,
        NORM % "epsilon: 0.01 decay: 0.97",
    ],
)
def test_usual_batch_norm_has_no_answer(config: Any, problems_of: ProblemsOf, text: str) -> None:
    assert problems_of(RULES, config, text) == []


@pytest.mark.parametrize(
    ("batch", "trains", "codes"),
    [(1, None, []), (1, True, ["CFG051"]), (64, None, []), (64, False, ["CFG051"])],
)
def test_faster_rcnn_says_it_in_another_field(
    config: Any, problems_of: ProblemsOf, batch: int, trains: bool | None, codes: list[str]
) -> None:
    extractor = config.model.faster_rcnn.feature_extractor
    extractor.type = "faster_rcnn_resnet50"
    if trains is not None:
        extractor.batch_norm_trainable = trains
    problems = problems_of(RULES, config, BATCH % batch)
    assert [c for c, _ in problems] == codes
    assert all(p.field.endswith("batch_norm_trainable") for _, p in problems)


def test_another_epsilon_than_the_checkpoints_is_said(config: Any, problems_of: ProblemsOf) -> None:
    original = type(config)()
    original.CopyFrom(config)
    facts = CheckpointFacts("model.ckpt", "detection", 4, {}, original=original)
    assert problems_of(RULES, config, checkpoint=facts) == []
    text_format.Merge(NORM % "epsilon: 0.01", original)
    ((code, problem),) = problems_of(RULES, config, checkpoint=facts)
    assert (code, problem.severity, problem.field) == ("CFG052", "warning", f"{FIELD}.epsilon")
    assert "in the checkpoint's config 0.01" in problem.message


def test_the_block_that_is_wrong_is_named(config: Any, problems_of: ProblemsOf) -> None:
    text = (
        "model { ssd { box_predictor { convolutional_box_predictor { conv_hyperparams { "
        "batch_norm { epsilon: 0 } } } } } }"
    )
    ((_, problem),) = problems_of(RULES, config, text)
    assert problem.field == (
        "model.ssd.box_predictor.convolutional_box_predictor.conv_hyperparams.batch_norm.epsilon"
    )
