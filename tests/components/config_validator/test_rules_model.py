"""Rules about the architecture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.config_validator.rules_model import RULES, is_supported
from components.config_validator.subject import Problem, Subject
from detection.config.architectures import SUPPORTED
from detection.config.pipeline_config import parse_pipeline_config

ProblemsOf = Callable[..., list[tuple[str, Problem]]]

TYPE = "model { %s { feature_extractor { type: '%s' } } }"


def model(kind: str, extractor: str) -> Any:
    return parse_pipeline_config(TYPE % (kind, extractor), "c")


@pytest.mark.parametrize("extractor", SUPPORTED)
def test_every_supported_type_is_accepted(extractor: str, problems_of: ProblemsOf) -> None:
    kind = "faster_rcnn" if extractor.startswith("faster_rcnn") else "ssd"
    config = model(kind, extractor)
    assert problems_of(RULES, config) == []
    assert is_supported(Subject(config))


@pytest.mark.parametrize(
    ("kind", "extractor", "code", "message"),
    [
        ("ssd", "", "CFG004", "the model has no feature_extractor type"),
        ("faster_rcnn", "", "CFG004", "the model has no feature_extractor type"),
        ("ssd", "ssd_efficientnet-b0_bifpn_keras", "CFG003", "ssd with ssd_efficientnet-b0_bifpn_keras is"),
        ("ssd", "ssd_mobilenet_v9", "CFG003", "ssd with ssd_mobilenet_v9 is not supported"),
        ("center_net", "hourglass_104", "CFG003", "center_net with hourglass_104 is not supported"),
        ("ssd", "faster_rcnn_resnet50", "CFG036", "is a feature extractor of faster_rcnn"),
        ("ssd", "faster_rcnn_resnet50_keras", "CFG036", "is a feature extractor of faster_rcnn"),
        ("ssd", "resnet101", "CFG036", "is a feature extractor of faster_rcnn"),
        ("faster_rcnn", "ssd_mobilenet_v2", "CFG036", "is a feature extractor of ssd"),
        ("faster_rcnn", "embedded_ssd_mobilenet_v1", "CFG036", "is a feature extractor of ssd"),
        ("faster_rcnn", "mobilenet_v2", "CFG036", "is a feature extractor of ssd"),
    ],
)
def test_one_fault_is_one_problem(
    kind: str, extractor: str, code: str, message: str, problems_of: ProblemsOf
) -> None:
    config = model(kind, extractor)
    ((found, problem),) = problems_of(RULES, config)
    assert (found, problem.severity, problem.changes) == (code, "error", ())
    assert message in problem.message
    assert not is_supported(Subject(config))


@pytest.mark.parametrize(
    ("kind", "short", "full"),
    [
        ("ssd", "inception_v2", "ssd_inception_v2"),
        ("ssd", "resnet50_v1_fpn", "ssd_resnet50_v1_fpn"),
        ("faster_rcnn", "inception_v2", "faster_rcnn_inception_v2"),
        ("faster_rcnn", "resnet101", "faster_rcnn_resnet101"),
    ],
)
def test_a_short_name_is_completed_safely(kind: str, short: str, full: str, problems_of: ProblemsOf) -> None:
    config = model(kind, short)
    ((code, problem),) = problems_of(RULES, config)
    assert (code, problem.severity, problem.fix) == ("CFG033", "error", f'type: "{full}"')
    (change,) = problem.changes
    assert (change.field, change.value) == (f"model.{kind}.feature_extractor.type", full)
    getattr(config.model, kind).feature_extractor.type = full
    assert problems_of(RULES, config) == []


def test_an_unsupported_architecture_names_the_nearest(problems_of: ProblemsOf) -> None:
    ((_, problem),) = problems_of(RULES, model("faster_rcnn", "faster_rcnn_nasnet"))
    assert "the nearest supported is faster_rcnn_nas" in problem.fix


def test_a_tf2_model_that_tf1_computes_gets_tf1s_name_safely(problems_of: ProblemsOf) -> None:
    config = model("ssd", "ssd_mobilenet_v2_keras")
    config.model.ssd.feature_extractor.depth_multiplier = 1.0
    ((code, problem),) = problems_of(RULES, config)
    assert (code, problem.severity) == ("CFG003", "info")
    assert problem.changes[0].value == "ssd_mobilenet_v2"
    assert is_supported(Subject(config))


def test_a_tf2_model_that_tf1_does_not_compute_says_why(problems_of: ProblemsOf) -> None:
    config = model("ssd", "ssd_resnet50_v1_fpn_keras")
    ((code, problem),) = problems_of(RULES, config)
    assert (code, problem.severity, problem.changes) == ("CFG003", "error", ())
    assert "TF2 config; TF2's feature pyramid" in problem.reason
    assert problem.fix.endswith("the nearest supported is ssd_resnet50_v1_fpn")
