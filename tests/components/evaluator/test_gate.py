"""The gate's decision: each rule, both ways."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from components.evaluator.gate import Measured, decide, require_known_classes
from components.evaluator.options import GateOptions
from components.evaluator.results import (
    ClassMetrics,
    Difference,
    Differences,
    GateRule,
    Metrics,
    OldClasses,
    ServingCost,
    SliceResult,
)
from detection.errors import BadInput
from tests.components.evaluator.drawn_sets import label_map


def metrics(value: float | None, **classes: float | None) -> Metrics:
    return Metrics(
        images=1,
        groundtruth_boxes=1,
        mAP=value and value / 2,
        mAP_50=value,
        mAP_75=value,
        recall_50=value,
        by_class={
            name: ClassMetrics(
                display_name=name, groundtruth_boxes=1, mAP=one, mAP_50=one, mAP_75=one, recall_50=one
            )
            for name, one in classes.items()
        },
        by_size={},
    )


def pair(new: float | None, old: float | None, noise: float = 0.0) -> Difference:
    if new is None or old is None:
        return Difference(candidate=new, baseline=old)
    return Difference(candidate=new, baseline=old, low=new - old - noise, high=new - old + noise)


SAME = pair(0.6, 0.6)
GOOD = Measured(
    candidate=metrics(0.6, bolt=0.5, nut=0.7),
    differences=Differences(overall={"mAP": SAME, "mAP_50": SAME, "mAP_75": SAME}, by_class={"bolt": SAME}),
    slices=[],
    old_classes=[],
    cost=ServingCost(latency_ms=20.0, image_size=(640, 480), device="CPU", size_mb=18.5),
    proved=True,
    confidence=0.95,
)


def rules(measured: Measured, **gate: Any) -> dict[str, GateRule]:
    verdict = decide(measured, GateOptions.model_validate(gate))
    assert verdict.blessed == all(rule.passed for rule in verdict.rules)
    assert all(rule.sentence.startswith("passed: " if rule.passed else "refused: ") for rule in verdict.rules)
    return {rule.rule: rule for rule in verdict.rules}


def test_the_sentences_have_value_limit_and_baseline() -> None:
    bolt = replace(
        GOOD, differences=Differences(overall={"mAP": SAME}, by_class={"bolt": pair(0.31, 0.45, 0.06)})
    )
    rule = rules(bolt, floor=0.1, class_drop=0.02, metric="mAP")["class_drop"]
    assert not rule.passed and (rule.measured, rule.limit) == (0.31, pytest.approx(0.43))
    assert rule.sentence == (
        "refused: AP(bolt) 0.310, allowed at least 0.430 (baseline 0.450 - 0.020); "
        "the 95% interval of the difference is -0.200 to -0.080"
    )
    assert rules(GOOD, floor=0.5)["floor"].sentence == "passed: mAP@0.5 0.600, at least 0.500 wanted"
    assert rules(GOOD, floor=0.5)["proof"].sentence == "passed: the conversion is proved"


@pytest.mark.parametrize(("floor", "passed"), [(0.6, True), (0.59, True), (0.61, False), (0.0, True)])
def test_floor(floor: float, passed: bool) -> None:
    assert rules(GOOD, floor=floor)["floor"].passed is passed


def test_rounding_of_a_sum_refuses_nothing() -> None:
    assert rules(replace(GOOD, candidate=metrics(0.1 + 0.2)), floor=0.3)["floor"].passed
    assert rules(replace(GOOD, candidate=metrics(0.3)), floor=0.1 + 0.2)["floor"].passed


@pytest.mark.parametrize(("floor", "passed"), [(0.5, True), (0.51, False)])
def test_floor_of_a_class(floor: float, passed: bool) -> None:
    rule = rules(GOOD, class_floors={"bolt": floor})["class_floors"]
    assert rule.passed is passed and "AP@0.5(bolt) 0.500" in rule.sentence


def test_a_floor_that_can_not_be_measured_refuses() -> None:
    nothing = replace(GOOD, candidate=metrics(None, bolt=None))
    assert "can't be measured" in rules(nothing, floor=0.0)["floor"].sentence
    assert not rules(nothing, class_floors={"bolt": 0.0})["class_floors"].passed


@pytest.mark.parametrize(
    ("new", "noise", "allowed", "passed"),
    [
        (0.60, 0.0, 0.0, True),
        (0.70, 0.0, 0.0, True),
        (0.57, 0.02, 0.0, False),  # surely below
        (0.57, 0.04, 0.0, True),  # could be chance
        (0.57, 0.0, 0.05, True),  # within what is allowed
        (0.50, 0.04, 0.05, False),
        (0.50, 0.06, 0.05, True),
    ],
)
def test_drop_is_judged_with_its_interval(new: float, noise: float, allowed: float, passed: bool) -> None:
    measured = replace(GOOD, differences=Differences(overall={"mAP_50": pair(new, 0.6, noise)}, by_class={}))
    rule = rules(measured, floor=0.0, drop=allowed)["drop"]
    assert rule.passed is passed
    assert ("could be chance" in rule.sentence) == (passed and new < 0.6 - allowed)


def test_without_an_interval_the_drop_alone_decides() -> None:
    one = Differences(overall={"mAP_50": Difference(candidate=0.5, baseline=0.6)}, by_class={})
    assert not rules(replace(GOOD, differences=one), floor=0.0)["drop"].passed


def test_no_drop_is_asked_where_null_is_given_or_nothing_can_be_measured() -> None:
    assert "drop" not in rules(GOOD, floor=0.0, drop=None)
    undefined = Differences(overall={"mAP_50": pair(None, 0.6)}, by_class={})
    assert "drop" not in rules(replace(GOOD, differences=undefined), floor=0.0)


@pytest.mark.parametrize(("new", "passed"), [(0.58, True), (0.5, False)])
def test_drop_of_a_class(new: float, passed: bool) -> None:
    measured = replace(
        GOOD, differences=Differences(overall={"mAP_50": SAME}, by_class={"bolt": pair(new, 0.6)})
    )
    assert rules(measured, floor=0.0, class_drop=0.05)["class_drop"].passed is passed
    assert "class_drop" not in rules(measured, floor=0.0)


@pytest.mark.parametrize(
    ("new", "small", "asked", "passed"),
    [(0.58, False, True, True), (0.5, False, True, False), (0.1, True, False, True)],
)
def test_drop_of_a_slice_that_is_large_enough(new: float, small: bool, asked: bool, passed: bool) -> None:
    night = SliceResult(
        name="folder night", images=9, groundtruth_boxes=9, too_small=small, difference=pair(new, 0.6)
    )
    found = rules(replace(GOOD, slices=[night]), floor=0.0, slice_drop=0.05)
    assert ("slice_drop" in found) is asked
    if asked:
        assert found["slice_drop"].passed is passed
        assert "mAP@0.5(folder night)" in found["slice_drop"].sentence


def test_slices_with_one_name_are_asked_each() -> None:
    parts = [
        SliceResult(name="name 1", images=9, groundtruth_boxes=9, too_small=False, difference=pair(new, 0.6))
        for new in (0.1, 0.6)
    ]
    verdict = decide(replace(GOOD, slices=parts), GateOptions(floor=0.0, slice_drop=0.05))
    assert [rule.passed for rule in verdict.rules if rule.rule == "slice_drop"] == [False, True]
    assert not verdict.blessed


@pytest.mark.parametrize(
    ("baseline", "tf1", "passed"), [(0.6, 0.6, True), (0.7, 0.6, False), (0.6, 0.7, False)]
)
def test_old_classes_against_the_baseline_and_the_tf1_model(
    baseline: float, tf1: float, passed: bool
) -> None:
    old = OldClasses(
        where="old evaluation set",
        classes=["person"],
        images=9,
        against_baseline=pair(0.6, baseline),
        against_tf1=pair(0.6, tf1),
    )
    measured = replace(GOOD, old_classes=[old])
    gate = GateOptions(floor=0.0, old_classes_drop=0.05)
    verdict = decide(measured, gate)
    found = [rule for rule in verdict.rules if rule.rule == "old_classes_drop"]
    assert verdict.blessed is passed
    assert len(found) == (1 if baseline == tf1 else 2)
    assert found[0].sentence.startswith(f"{'passed' if baseline < 0.7 else 'refused'}: mAP@0.5(old classes")
    if len(found) == 2:
        assert "TF1 model 0." in found[1].sentence
    assert all(rule.rule != "old_classes_drop" for rule in decide(measured, GateOptions(floor=0)).rules)


@pytest.mark.parametrize(("limit", "passed"), [(20.0, True), (19.9, False)])
def test_latency(limit: float, passed: bool) -> None:
    rule = rules(GOOD, floor=0.0, latency_ms=limit)["latency_ms"]
    assert rule.passed is passed
    assert f": 20 ms an image of 640x480 on the CPU, at most {limit:g} ms allowed" in rule.sentence


@pytest.mark.parametrize(("limit", "passed"), [(18.5, True), (18.4, False)])
def test_size(limit: float, passed: bool) -> None:
    rule = rules(GOOD, floor=0.0, size_mb=limit)["size_mb"]
    assert rule.passed is passed and (rule.measured, rule.limit) == (18.5, limit)


@pytest.mark.parametrize(
    ("proved", "passed", "said"),
    [(True, True, "is proved"), (False, False, "failed"), (None, False, "was not")],
)
def test_proof(proved: bool | None, passed: bool, said: str) -> None:
    rule = rules(replace(GOOD, proved=proved), floor=0.0)["proof"]
    assert rule.passed is passed and said in rule.sentence
    assert "proof" not in rules(replace(GOOD, proved=proved), floor=0.0, proof=False)


def test_every_rule_is_in_the_verdict_those_that_refuse_first() -> None:
    verdict = decide(GOOD, GateOptions(floor=0.9, latency_ms=5, size_mb=90))
    assert [rule.rule for rule in verdict.rules] == ["floor", "drop", "latency_ms", "size_mb", "proof"]
    assert [one.split(":")[0] for one in verdict.reasons] == ["refused"] * 2 + ["passed"] * 3


@pytest.mark.parametrize(
    "wrong",
    [{}, {"drop": 0.1}, {"metric": "accuracy"}, {"floor": 1.5}, {"flor": 0.5}, {"floor": 0.5, "drop": -1}],
)
def test_a_wrong_gate_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GateOptions.model_validate(wrong)


def test_a_floor_of_an_unknown_class_is_bad_input() -> None:
    gate = GateOptions(class_floors={"bolt": 0.5, "screw": 0.5})
    with pytest.raises(BadInput, match="floor for screw, which the label map lacks"):
        require_known_classes(gate, label_map(bolt=1, nut=2))
    require_known_classes(gate, label_map(bolt=1, screw=2))
