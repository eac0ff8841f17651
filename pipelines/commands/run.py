"""upcycle run"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsJson, print_json


def run(
    detector: Annotated[Path, typer.Argument(help="The detector's YAML.")],
    steps: Annotated[int | None, typer.Option(min=1, help="Training steps, for this run.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate, for this run.")] = None,
    span: Annotated[str | None, typer.Option(help="What {span} in the data's paths stands for.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every node, whatever is in the cache.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last, unfinished run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Retrain a detector in this process: convert, train, evaluate, and publish if it is better.

    What has not changed since an earlier run comes from the cache. Example: upcycle run detectors/demo.yaml
    """
    from pipelines.home import DetectorHome
    from pipelines.plan import Overrides, make_plan
    from pipelines.run_local import run_plan, unfinished_plan
    from pipelines.spec import DetectorSpec
    from pipelines.summary_text import print_summary

    if resume and (steps or learning_rate or span or force):
        raise typer.BadParameter("a resumed run keeps its own settings", param_hint="--resume")
    if resume:
        plan = unfinished_plan(DetectorHome.of(DetectorSpec.from_file(detector).name))
    else:
        overrides = Overrides(steps=steps, learning_rate=learning_rate, span=span, force=force)
        plan = make_plan(detector, overrides, new_run_id())
    try:
        summary = run_plan(plan, show_progress=not as_json)
    except KeyboardInterrupt:
        typer.echo(f"\nstopped; go on with: upcycle run {detector} --resume", err=True)
        raise
    if as_json:
        print_json(summary.model_dump())
    else:
        print_summary(summary)


def new_run_id() -> str:
    """A run id in order of time, unique on this machine."""
    return f"local-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
