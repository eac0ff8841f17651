"""The gate: whether a new model may replace the one that serves."""

from __future__ import annotations

from components.evaluator.results import GateSpec, Metrics, Verdict

_ROUNDING = 1e-9  # equal metrics must pass a gate of "no worse", whatever the order of summation
_TITLES = {"mAP": "mAP@[.5:.95]", "mAP_50": "mAP@0.5", "mAP_75": "mAP@0.75"}


def decide(candidate: Metrics, baseline: Metrics, gate: GateSpec) -> Verdict:
    """Compare two models' metrics, which must come from the same evaluation set.

    Blessed means: the metric is at least `min_value`, and at least the baseline's plus `min_improvement`.
    An evaluation set without ground truth blesses nothing.
    """
    title = _TITLES[gate.metric]
    value: float | None = getattr(candidate, gate.metric)
    reference: float | None = getattr(baseline, gate.metric)
    if value is None or reference is None:
        reason = f"{title} can't be measured: the evaluation set has no box of any class in the label map."
        return Verdict(blessed=False, reasons=[reason])
    needed = reference + gate.min_improvement
    enough = value >= gate.min_value - _ROUNDING
    better = value >= needed - _ROUNDING
    margin = f" {gate.min_improvement:+.3f}" if gate.min_improvement else ""
    sum_needed = f"{needed:.3f} needed (baseline {reference:.3f}{margin})"
    return Verdict(
        blessed=enough and better,
        reasons=[
            f"{title} is {value:.3f}, {_side(enough)} the minimum of {gate.min_value:.3f}.",
            f"{title} is {value:.3f}, {_side(better)} the {sum_needed}.",
        ],
    )


def title_of(metric: str) -> str:
    """Return a metric's name for people: 'mAP_50' -> 'mAP@0.5'."""
    return _TITLES[metric]


def _side(passed: bool) -> str:
    return "at or above" if passed else "below"
