"""The gate's decision."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from components.evaluator.gate import decide
from components.evaluator.results import GateSpec, Metrics


def metrics(value: float | None) -> Metrics:
    return Metrics(
        images=1,
        groundtruth_boxes=1,
        mAP=value and value / 2,
        mAP_50=value,
        mAP_75=value,
        recall_50=value,
        by_class={},
        by_size={},
    )


@pytest.mark.parametrize(
    ("new", "old", "gate", "blessed"),
    [
        (0.70, 0.60, {}, True),
        (0.60, 0.60, {}, True),
        (0.1 + 0.2, 0.3, {}, True),
        (0.599, 0.60, {}, False),
        (0.70, 0.60, {"min_value": 0.75}, False),
        (0.70, 0.60, {"min_improvement": 0.05}, True),
        (0.70, 0.60, {"min_improvement": 0.15}, False),
        (0.58, 0.60, {"min_improvement": -0.05}, True),
        (0.70, 0.60, {"metric": "mAP", "min_value": 0.36}, False),
    ],
)
def test_decision(new: float, old: float, gate: dict[str, Any], blessed: bool) -> None:
    assert decide(metrics(new), metrics(old), GateSpec(**gate)).blessed is blessed


def test_reasons_are_sentences_with_numbers() -> None:
    verdict = decide(metrics(0.5), metrics(0.6), GateSpec(min_value=0.4, min_improvement=0.02))
    assert verdict.reasons == [
        "mAP@0.5 is 0.500, at or above the minimum of 0.400.",
        "mAP@0.5 is 0.500, below the 0.620 needed (baseline 0.600 +0.020).",
    ]


def test_nothing_measurable_is_never_blessed() -> None:
    verdict = decide(metrics(None), metrics(None), GateSpec())
    assert not verdict.blessed
    assert "can't be measured" in verdict.reasons[0]


@pytest.mark.parametrize("wrong", [{"metric": "accuracy"}, {"min_value": 1.5}, {"min_valu": 0.5}])
def test_a_wrong_gate_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GateSpec(**wrong)
