"""The gate: whether a new model may replace the one that serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from components.evaluator.options import GateOptions
from components.evaluator.results import (
    Difference,
    Differences,
    GateRule,
    Metrics,
    OldClasses,
    ServingCost,
    SliceResult,
    Verdict,
)
from detection.config.label_map import LabelMap
from detection.errors import BadInput

_ROUNDING = 1e-9  # equal metrics must pass a gate of "no worse", whatever the order of summation
_TITLES = {"mAP": "mAP@[.5:.95]", "mAP_50": "mAP@0.5", "mAP_75": "mAP@0.75"}


@dataclass(frozen=True)
class Measured:
    """All that the gate looks at. `proved` is None where the conversion was not proved at all."""

    candidate: Metrics
    differences: Differences
    slices: Sequence[SliceResult]
    old_classes: Sequence[OldClasses]
    cost: ServingCost
    proved: bool | None
    confidence: float


def decide(measured: Measured, gate: GateOptions) -> Verdict:
    """Ask every rule of `gate`; the model is blessed if all are passed.

    A floor is absolute. A drop refuses only if it is larger than allowed and its interval lies wholly beyond
    what is allowed: a smaller drop could be chance. Where there is no interval, the drop alone decides. A
    floor whose metric can't be measured refuses; a drop is asked of what can be measured in both models.
    """
    rules = [*_floors(measured, gate), *_drops(measured, gate), *_costs(measured, gate)]
    return Verdict(blessed=all(rule.passed for rule in rules), rules=rules)


def require_known_classes(gate: GateOptions, label_map: LabelMap) -> None:
    """Raise BadInput for a floor of a class that the label map lacks."""
    unknown = sorted(set(gate.class_floors) - set(label_map.names))
    if unknown:
        raise BadInput(
            f"the gate has a floor for {', '.join(unknown)}, which the label map lacks",
            "gate.class_floors",
            f"the classes are: {', '.join(label_map.names)}",
        )


def title_of(metric: str) -> str:
    """Return a metric's name for people: 'mAP_50' -> 'mAP@0.5'."""
    return _TITLES[metric]


def class_title(metric: str, name: str) -> str:
    """Return a class's metric for people: 'mAP_50', 'stop' -> 'AP@0.5(stop)'."""
    return f"{'AP' if metric == 'mAP' else _TITLES[metric].removeprefix('m')}({name})"


def _floors(measured: Measured, gate: GateOptions) -> Iterator[GateRule]:
    if gate.floor is not None:
        value = getattr(measured.candidate, gate.metric)
        yield _floor("floor", _TITLES[gate.metric], value, gate.floor)
    for name, floor in gate.class_floors.items():
        value = getattr(measured.candidate.by_class[name], gate.metric)
        yield _floor("class_floors", class_title(gate.metric, name), value, floor)


def _floor(rule: str, title: str, value: float | None, floor: float) -> GateRule:
    if value is None:
        sentence = f"refused: {title} can't be measured, the evaluation set has no object of it"
        return GateRule(rule=rule, passed=False, measured=None, limit=floor, sentence=sentence)
    passed = value >= floor - _ROUNDING
    sentence = f"{_word(passed)}: {title} {value:.3f}, at least {floor:.3f} wanted"
    return GateRule(rule=rule, passed=passed, measured=value, limit=floor, sentence=sentence)


def _drops(measured: Measured, gate: GateOptions) -> Iterator[GateRule]:
    metric = _TITLES[gate.metric]
    asked: list[tuple[str, float | None, str, Difference, str]] = [
        ("drop", gate.drop, metric, measured.differences.overall[gate.metric], "baseline")
    ]
    for name, one in measured.differences.by_class.items():
        asked.append(("class_drop", gate.class_drop, class_title(gate.metric, name), one, "baseline"))
    for part in measured.slices:
        if not part.too_small:
            title = f"{metric}({part.name})"
            asked.append(("slice_drop", gate.slice_drop, title, part.difference, "baseline"))
    for old in measured.old_classes:
        title = f"{metric}(old classes, {old.where})"
        asked.append(("old_classes_drop", gate.old_classes_drop, title, old.against_baseline, "baseline"))
        if old.against_tf1 != old.against_baseline:
            asked.append(("old_classes_drop", gate.old_classes_drop, title, old.against_tf1, "TF1 model"))
    for rule, allowed, title, difference, reference in asked:
        if allowed is None or difference.candidate is None or difference.baseline is None:
            continue
        yield _drop(rule, title, difference, allowed, reference, measured.confidence)


def _drop(
    rule: str, title: str, difference: Difference, allowed: float, reference: str, confidence: float
) -> GateRule:
    value, before = difference.candidate or 0.0, difference.baseline or 0.0
    limit = before - allowed
    enough = value >= limit - _ROUNDING
    chance = difference.high is not None and difference.high >= -allowed
    wanted = f"allowed at least {limit:.3f} ({reference} {before:.3f} - {allowed:.3f})"
    sentence = f"{_word(enough or chance)}: {title} {value:.3f}, {wanted}"
    if not enough and difference.low is not None and difference.high is not None:
        interval = f"{difference.low:+.3f} to {difference.high:+.3f}"
        sentence += f"; {'could be chance, ' if chance else ''}"
        sentence += f"the {confidence:.0%} interval of the difference is {interval}"
    return GateRule(rule=rule, passed=enough or chance, measured=value, limit=limit, sentence=sentence)


def _costs(measured: Measured, gate: GateOptions) -> Iterator[GateRule]:
    cost = measured.cost
    if gate.latency_ms is not None:
        width, height = cost.image_size
        what = f"{cost.latency_ms:g} ms an image of {width}x{height} on the {cost.device}"
        yield _most("latency_ms", what, cost.latency_ms, gate.latency_ms, "ms")
    if gate.size_mb is not None:
        yield _most("size_mb", f"the SavedModel has {cost.size_mb:g} MB", cost.size_mb, gate.size_mb, "MB")
    if gate.proof:
        proved = measured.proved is True
        said = {True: "is proved", False: "failed its proof", None: "was not proved"}[measured.proved]
        sentence = f"{_word(proved)}: the conversion {said}"
        yield GateRule(rule="proof", passed=proved, measured=None, limit=None, sentence=sentence)


def _most(rule: str, what: str, value: float, limit: float, unit: str) -> GateRule:
    passed = value <= limit
    sentence = f"{_word(passed)}: {what}, at most {limit:g} {unit} allowed"
    return GateRule(rule=rule, passed=passed, measured=value, limit=limit, sentence=sentence)


def _word(passed: bool) -> str:
    return "passed" if passed else "refused"
