"""What a finished run came to, from the results of its nodes: HOME/DETECTOR/summary.json and the report.

`python -m pipelines.summary --plan RUN_DIR` is the last task of every orchestrator.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.evaluator.options import GateOptions
from components.evaluator.results import REPORT_FILE, ModelEvaluation, Verdict, read_comparison
from components.pusher.versions import live_version
from detection.errors import Failed
from pipelines.node import NodeResult, result_file
from pipelines.plan import Plan, read_plan
from pipelines.process import exit_code_of, write_json
from pipelines.retraining import NODES


class NodeTime(BaseModel):
    """How long a node took in this run."""

    node: str
    seconds: float
    cached: bool


class Published(BaseModel):
    """The version that holds this run's model."""

    version: int
    path: str
    live: bool


class Summary(BaseModel):
    """summary.json. `conversion`, `data` and `training` are the nodes' own reports, abridged."""

    detector: str
    run_id: str
    run_dir: str
    fingerprint: str
    seconds: float
    nodes: list[NodeTime]
    data: dict[str, Any]
    conversion: dict[str, Any]
    training: dict[str, Any]
    gate: GateOptions
    candidate: ModelEvaluation
    baseline: ModelEvaluation
    verdict: Verdict
    published: Published | None
    live_version: int | None
    report: str


_CONVERSION = (
    "source",
    "kind",
    "architecture",
    "num_classes_checkpoint",
    "num_classes_model",
    "class_head",
    "blocks",
    "variables_total",
    "variables_loaded",
    "proof",
)
_TRAINING = ("steps", "seconds", "images_per_second", "learning_rate", "resumed_from")
_DATA = (
    "images_read",
    "images_written",
    "images_quarantined",
    "boxes_read",
    "boxes_written",
    "boxes_quarantined",
)


def summarize(plan: Plan) -> Summary:
    """The summary of a run whose nodes are all done. Raises Failed if one is not."""
    results = {node: _read_result(plan, node) for node in NODES}
    comparison = read_comparison(_output(results["Evaluator"], "evaluation"))
    live = live_version(Path(plan.destination))
    return Summary(
        detector=plan.spec.name,
        run_id=plan.run_id,
        run_dir=plan.run_dir,
        fingerprint=plan.fingerprint,
        seconds=round(sum(result.seconds for result in results.values()), 2),
        nodes=[
            NodeTime(node=node, seconds=result.seconds, cached=result.cached)
            for node, result in results.items()
        ],
        data=_pick(_output(results["ExampleGen"], "quarantine") / "statistics.json", _DATA),
        conversion=_pick(
            _output(results["CheckpointConverter"], "converted_model") / "report.json", _CONVERSION
        ),
        training=_training(_output(results["Trainer"], "model") / "training.json"),
        gate=comparison.gate,
        candidate=comparison.candidate,
        baseline=comparison.baseline,
        verdict=comparison.verdict,
        published=_published(results["Pusher"], live.number if live else None),
        live_version=live.number if live else None,
        report=str(plan.home.report),
    )


def write_summary(plan: Plan) -> Summary:
    """Write the run's summary.json and report.html to the detector's folder, and return the summary."""
    summary = summarize(plan)
    report = _output(_read_result(plan, "Evaluator"), "evaluation") / REPORT_FILE
    staging = plan.home.report.with_name(f".report.{os.getpid()}")
    shutil.copyfile(report, staging)
    os.replace(staging, plan.home.report)
    write_json(Path(plan.run_dir) / "summary.json", summary.model_dump())
    write_json(plan.home.summary, summary.model_dump())
    return summary


def _read_result(plan: Plan, node: str) -> NodeResult:
    try:
        return NodeResult.model_validate_json(result_file(plan, node).read_text(encoding="utf-8"))
    except OSError:
        raise Failed(
            f"{node} has no result in this run", plan.run_dir, "run the nodes before the summary"
        ) from None


def _output(result: NodeResult, key: str) -> Path:
    return Path(result.outputs[key])


def _read(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise Failed(
            f"a node's report can't be read ({type(error).__name__})", str(file), "run again with --force"
        ) from error


def _pick(file: Path, names: tuple[str, ...]) -> dict[str, Any]:
    report = _read(file)
    return {name: report[name] for name in names if name in report}


def _training(file: Path) -> dict[str, Any]:
    history = _read(file).get("history") or [{}]
    return _pick(file, _TRAINING) | {
        "first_loss": history[0].get("loss"),
        "last_loss": history[-1].get("loss"),
    }


def _published(pusher: NodeResult, live: int | None) -> Published | None:
    facts = pusher.properties.get("pushed_model", {})
    if facts.get("pushed") != 1:
        return None
    number = int(facts["version"])
    return Published(version=number, path=str(facts["pushed_destination"]), live=number == live)


def main(arguments: list[str] | None = None) -> int:
    """Write and print the summary; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.summary", description=__doc__)
    parser.add_argument("--plan", type=Path, required=True, help="the run's directory")
    given = parser.parse_args(arguments)
    from pipelines.summary_text import print_summary

    try:
        print_summary(write_summary(read_plan(given.plan)))
    except Exception as error:
        return exit_code_of(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
