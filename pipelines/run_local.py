"""All nodes of a plan in this process, which imports TensorFlow once; progress, then the summary."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from detection.errors import BadInput
from pipelines.capture import captured, real_stdout
from pipelines.home import DetectorHome
from pipelines.node import result_file, run_node
from pipelines.plan import PLAN_FILE, Plan, read_plan
from pipelines.process import known_error
from pipelines.progress import RunProgress
from pipelines.summary import Summary, write_summary

_TAIL_LINES = 15


def run_plan(plan: Plan, show_progress: bool = True) -> Summary:
    """Run the nodes of `plan` that are not done yet, in order, and write the summary.

    Each node's output is in RUN_DIR/logs/NODE.log. An exception of a node passes through unchanged; if it
    is a defect, the end of the log is printed first.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with (
        real_stdout() if show_progress else open(os.devnull, "w", encoding="utf-8") as out,
        RunProgress(plan.nodes, out) as progress,
    ):
        for node in plan.nodes:
            _run(plan, node, progress)
    return write_summary(plan)


def unfinished_plan(home: DetectorHome) -> Plan:
    """The last planned run of a detector. Raises BadInput if there is none or it has finished."""
    plan = latest_plan(home)
    if plan is None:
        raise BadInput("there is no run to resume", str(home.plans), "leave --resume out")
    if all(result_file(plan, node).is_file() for node in plan.nodes):
        raise BadInput(f"the last run, {plan.run_id}, has finished", plan.run_dir, "leave --resume out")
    return plan


def latest_plan(home: DetectorHome) -> Plan | None:
    """The plan that was made last, or None."""
    files = home.plans.glob(f"[!.]*/{PLAN_FILE}") if home.plans.is_dir() else iter(())
    newest = max(files, key=lambda file: file.stat().st_mtime_ns, default=None)
    return read_plan(newest.parent) if newest else None


def _run(plan: Plan, node: str, progress: RunProgress) -> None:
    log = Path(plan.run_dir) / "logs" / f"{node}.log"
    progress.started(node)
    try:
        with captured(log, lambda line: progress.line(node, line)):
            result = run_node(plan, node)
    except BaseException as error:
        progress.failed(node)
        if isinstance(error, Exception) and known_error(error) is None:
            tail = log.read_text(encoding="utf-8").splitlines()[-_TAIL_LINES:]
            print(f"the end of {log}:", *tail, sep="\n  ", file=sys.stderr)
        raise
    progress.finished(node, result)
