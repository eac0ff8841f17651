"""Two runs side by side: what each reached, and what differs in what they were made of."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.evaluator.results import REPORT_FILE, Comparison, Metrics, read_comparison
from components.trainer.hyper_parameters import HYPER_PARAMETERS_FILE, HyperParameters
from detection.errors import BadInput
from pipelines.home import DetectorHome
from pipelines.node import read_result
from pipelines.plan import PLAN_FILE, Plan, read_plan

Pair = tuple[Any, Any]
_METRICS = ("mAP", "mAP_50", "mAP_75")


class RunComparison(BaseModel):
    """Values in pairs, the first run's first; None where a run has none.

    `same_images`: whether both were measured on the same data, without which metrics can't be compared.
    `inputs`, `settings` and `code` hold only what differs.
    """

    runs: tuple[str, str]
    same_images: bool
    metrics: dict[str, tuple[float | None, float | None]]
    by_class: dict[str, tuple[float | None, float | None]]
    blessed: tuple[bool, bool]
    reasons: tuple[list[str], list[str]]
    inputs: dict[str, Pair]
    settings: dict[str, Pair]
    code: dict[str, Pair]
    seconds: dict[str, tuple[float | None, float | None]]
    reports: tuple[str, str]


def find_run(text: str, home: Path | None = None) -> Plan:
    """The plan of a run: DETECTOR for its last run that has a summary, DETECTOR/RUN_ID, or its directory.

    Raises BadInput if there is no such run.
    """
    if (Path(text) / PLAN_FILE).is_file():
        return read_plan(Path(text))
    detector, _, run_id = text.partition("/")
    of_detector = DetectorHome.of(detector, home)
    if run_id:
        directory = of_detector.plan_dir(run_id)
    else:
        finished = sorted(of_detector.plans.glob("*/summary.json"), key=lambda file: file.stat().st_mtime)
        directory = finished[-1].parent if finished else of_detector.plans / "?"
    if not (directory / PLAN_FILE).is_file():
        known = sorted(folder.parent.name for folder in of_detector.plans.glob(f"*/{PLAN_FILE}"))
        raise BadInput(
            f"there is no run {text!r}" if run_id else f"no run of {detector!r} has finished yet",
            str(of_detector.plans),
            f"take one of: {', '.join(f'{detector}/{name}' for name in known[-8:])}"
            if known
            else "upcycle run detectors/NAME.yaml, or set UPCYCLE_HOME to where it ran",
        )
    return read_plan(directory)


def compare_runs(first: Plan, second: Plan) -> RunComparison:
    """What differs. Raises BadInput for a run that was not evaluated."""
    plans = (first, second)
    evaluations = (_evaluation(first), _evaluation(second))
    metrics = [evaluation.candidate.metrics for evaluation in evaluations]
    inputs = [_inputs(plan) for plan in plans]
    return RunComparison(
        runs=(_title(first), _title(second)),
        same_images=_same_images(*inputs),
        metrics={name: (getattr(metrics[0], name), getattr(metrics[1], name)) for name in _METRICS},
        by_class=_pairs(*(_by_class(m) for m in metrics)),
        blessed=(evaluations[0].verdict.blessed, evaluations[1].verdict.blessed),
        reasons=(evaluations[0].verdict.reasons, evaluations[1].verdict.reasons),
        inputs=_differing(*inputs),
        settings=_differing(*(_settings(plan) for plan in plans)),
        code=_differing(first.code_versions, second.code_versions),
        seconds=_pairs(*(_seconds(plan) for plan in plans)),
        reports=(_report(first), _report(second)),
    )


def _title(plan: Plan) -> str:
    return f"{plan.spec.name}/{plan.run_id}"


def _evaluation_folder(plan: Plan) -> Path:
    result = read_result(plan, "Evaluator")
    if result is None:
        raise BadInput(
            f"{_title(plan)} was not evaluated", plan.run_dir, "let it finish: upcycle run YAML --resume"
        )
    return Path(result.outputs["evaluation"])


def _evaluation(plan: Plan) -> Comparison:
    return read_comparison(_evaluation_folder(plan))


def _report(plan: Plan) -> str:
    """The run's own page; the Evaluator's where there is no summary yet."""
    own = Path(plan.run_dir) / REPORT_FILE
    return str(own if own.is_file() else _evaluation_folder(plan) / REPORT_FILE)


def _by_class(metrics: Metrics) -> dict[str, float | None]:
    """AP by the classes' names for people, where they are names of one class each."""
    shown = Counter(found.display_name for found in metrics.by_class.values())
    return {
        found.display_name if shown[found.display_name] == 1 else name: found.mAP
        for name, found in metrics.by_class.items()
    }


def _inputs(plan: Plan) -> dict[str, str]:
    return {role: content.sha256 for role, content in plan.inputs.contents.items()}


def _same_images(first: dict[str, str], second: dict[str, str]) -> bool:
    """Without data of its own for the evaluation, a part of the training's is taken."""
    images = "eval" if "eval" in first or "eval" in second else "train"
    return all(first.get(role) == second.get(role) for role in (images, "label_map"))


def _settings(plan: Plan) -> dict[str, Any]:
    result = read_result(plan, "Trainer")
    if result is None or "hyper_parameters" not in result.outputs:
        return {}
    file = Path(result.outputs["hyper_parameters"]) / HYPER_PARAMETERS_FILE
    found = HyperParameters.model_validate_json(file.read_text(encoding="utf-8"))
    return {name: setting.value for name, setting in found.settings.items()}


def _seconds(plan: Plan) -> dict[str, float]:
    results = {node: read_result(plan, node) for node in plan.code_versions}
    return {node: result.seconds for node, result in results.items() if result is not None}


def _pairs(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Pair]:
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys([*first, *second])}


def _differing(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Pair]:
    return {name: pair for name, pair in _pairs(first, second).items() if pair[0] != pair[1]}
