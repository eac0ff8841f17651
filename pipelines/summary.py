"""What a finished run came to, from the results of its nodes: HOME/DETECTOR/summary.json and the report.

`python -m pipelines.summary --plan RUN_DIR` is the last task of every orchestrator.
"""

from __future__ import annotations

import argparse
import html
import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.evaluator.options import GateOptions
from components.evaluator.results import REPORT_FILE, ModelEvaluation, Verdict, read_comparison
from components.pusher.versions import live_number
from detection.config.text_files import write_text
from detection.errors import Failed
from pipelines.evaluated_model import EvaluatedModel
from pipelines.lineage_page import run_section, write_lineage_page
from pipelines.node import NodeResult, read_result
from pipelines.overrides import Only
from pipelines.plan import Plan, read_plan
from pipelines.process import exit_code_of, write_json


class NodeTime(BaseModel):
    """What a node took in this run; its processor time is that of all its processes."""

    node: str
    seconds: float
    processor_seconds: float = 0.0
    cached: bool


class Published(BaseModel):
    """The version that holds this run's model; `anyway` is who published it against the gate, and why."""

    version: int
    path: str
    live: bool
    anyway: str = ""


class Summary(BaseModel):
    """summary.json. `conversion`, `data` and `training` are the nodes' own reports, abridged.

    A run that only evaluates has no `training`, and `evaluated` says what it measured; one that only converts
    has neither data nor measurements, and its `report` is "". Later runs leave a run's report as it is.
    """

    detector: str
    run_id: str
    run_dir: str
    fingerprint: str
    seconds: float
    nodes: list[NodeTime]
    only: Only | None = None
    evaluated: EvaluatedModel | None = None
    data: dict[str, Any] | None
    conversion: dict[str, Any]
    training: dict[str, Any] | None
    gate: GateOptions
    candidate: ModelEvaluation | None
    baseline: ModelEvaluation | None
    verdict: Verdict | None
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
    results = {node: _result(plan, node) for node in plan.nodes}
    evaluator, trainer, examples = (results.get(node) for node in ("Evaluator", "Trainer", "ExampleGen"))
    comparison = read_comparison(_output(evaluator, "evaluation")) if evaluator else None
    live = live_number(plan.destination)
    return Summary(
        detector=plan.spec.name,
        run_id=plan.run_id,
        run_dir=plan.run_dir,
        fingerprint=plan.fingerprint,
        seconds=round(sum(result.seconds for result in results.values()), 2),
        nodes=[
            NodeTime(
                node=node,
                seconds=result.seconds,
                processor_seconds=result.processor_seconds,
                cached=result.cached,
            )
            for node, result in results.items()
        ],
        only=plan.only,
        evaluated=plan.evaluated,
        data=_pick(_output(examples, "quarantine") / "statistics.json", _DATA) if examples else None,
        conversion=_pick(
            _output(results["CheckpointConverter"], "converted_model") / "report.json", _CONVERSION
        ),
        training=_training(_output(trainer, "model") / "training.json") if trainer else None,
        gate=plan.spec.gate,
        candidate=comparison.candidate if comparison else None,
        baseline=comparison.baseline if comparison else None,
        verdict=comparison.verdict if comparison else None,
        published=_published(results.get("Pusher"), live),
        live_version=live,
        report=str(Path(plan.run_dir) / REPORT_FILE) if comparison else "",
    )


def write_summary(plan: Plan) -> Summary:
    """Write report.html, lineage.html and summary.json to the run's and the detector's folder; the summary.

    The report is the Evaluator's, and the run that it was part of.
    """
    summary = summarize(plan)
    if summary.report:
        written = _output(_result(plan, "Evaluator"), "evaluation") / REPORT_FILE
        page = _with_remark(written.read_text(encoding="utf-8"), summary)
        before, footer, after = page.partition("<footer>")
        section = run_section(plan, summary.nodes)
        for file in (Path(summary.report), plan.home.report):
            write_text(f"{before}{section}{footer}{after}", file)
    write_lineage_page(plan)
    # The last file of a run that ended well: who looks for silence goes by it.
    write_json(Path(plan.run_dir) / "summary.json", summary.model_dump())
    write_json(plan.home.summary, summary.model_dump())
    return summary


def _with_remark(page: str, summary: Summary) -> str:
    """The Evaluator's page, on top of it what it can't know: what happened, or didn't, after its verdict."""
    if summary.published is not None and summary.published.anyway:
        remark = f"Published anyway as version {summary.published.version}, {summary.published.anyway}"
    elif summary.evaluated is not None:
        remark = (
            f"Only evaluated: the new model of this page is {summary.evaluated.title}; nothing was published"
        )
    else:
        return page
    before, main, after = page.partition("<main>")
    return f"{before}{main}\n<p><strong>{html.escape(remark)}</strong></p>{after}"


def _result(plan: Plan, node: str) -> NodeResult:
    result = read_result(plan, node)
    if result is None:
        raise Failed(f"{node} has no result in this run", plan.run_dir, "run the nodes before the summary")
    return result


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


def _published(pusher: NodeResult | None, live: int | None) -> Published | None:
    facts = pusher.properties.get("pushed_model", {}) if pusher else {}
    if facts.get("pushed") != 1:
        return None
    number = int(facts["version"])
    anyway = f"by {facts['pushed_by']}: {facts['pushed_anyway']}" if "pushed_anyway" in facts else ""
    return Published(
        version=number, path=str(facts["pushed_destination"]), live=number == live, anyway=anyway
    )


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
