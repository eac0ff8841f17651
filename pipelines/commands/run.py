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
    span: Annotated[str | None, typer.Option(help="What {span} in the data's paths stands for.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Training data, in place of data.train.")
    ] = None,
    steps: Annotated[str | None, typer.Option(metavar="N", help="Training steps.")] = None,
    learning_rate: Annotated[str | None, typer.Option(metavar="X", help="Highest learning rate.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where to start, in place of model.checkpoint.")
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="WHAT", help="evaluate (the model that serves) or convert: no training."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every node, whatever is in the cache.")] = False,
    publish_anyway: Annotated[
        str | None, typer.Option(metavar="REASON", help="Publish the model even if the gate refuses it.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the last, unfinished run.")] = False,
    as_json: AsJson = False,
) -> None:
    """Retrain a detector in this process: convert, train, evaluate, and publish if it is better.

    Options change this run alone. What has not changed since an earlier run comes from the cache.

    Example: upcycle run detectors/demo.yaml
    """
    options = dict(locals())
    from pipelines.home import DetectorHome
    from pipelines.overrides import given, read_overrides
    from pipelines.plan import make_plan
    from pipelines.run_local import run_plan, unfinished_plan
    from pipelines.spec import DetectorSpec
    from pipelines.summary_text import print_summary

    values = given(options)
    if resume and values:
        raise typer.BadParameter("a resumed run keeps its own settings", param_hint="--resume")
    spec = DetectorSpec.from_file(detector)
    if resume:
        plan = unfinished_plan(DetectorHome.of(spec.name))
    else:
        plan = make_plan(detector, read_overrides(values, spec.data), new_run_id())
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
