"""upcycle lineage"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.commands.options import AsJson, print_json

if TYPE_CHECKING:
    from rich.tree import Tree

    from pipelines.lineage import Lineage


def lineage(
    version: Annotated[
        str, typer.Argument(help="A published version: DETECTOR, DETECTOR/N, N, or its directory.")
    ],
    as_json: AsJson = False,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write the run that published it as a page."),
    ] = None,
) -> None:
    """Say what made a published version: data, config, checkpoint, code, metrics and run.

    Example: upcycle lineage demo
    """
    from pipelines.lineage import find_version, trace
    from pipelines.summary_text import console

    found = trace(find_version(version))
    if html is not None:
        from detection.config.text_files import write_text
        from pipelines.home import DetectorHome
        from pipelines.lineage_page import lineage_page
        from pipelines.plan import read_plan

        plan = read_plan(DetectorHome.of(found.detector).plan_dir(found.run_id))
        write_text(lineage_page(plan), html)
        typer.echo(f"written: {html}")
        return
    if as_json:
        print_json(found.model_dump())
    else:
        console().print(lineage_tree(found))


def lineage_tree(found: Lineage) -> Tree:
    """The lineage as a tree for a terminal."""
    from rich.markup import escape
    from rich.tree import Tree

    from pipelines.summary_text import shown_path

    live = " (live)" if found.live else ""
    tree = Tree(f"[bold]{found.detector} version {found.version}{live}[/]  {shown_path(found.path)}")
    facts = tree.add("published")
    facts.add(f"by run {escape(found.run_id)}, {found.created}")
    facts.add(f"model files: sha256 {found.content_hash}")
    facts.add(f"compared with: {shown_path(found.baseline) if found.baseline else 'the converted TF1 model'}")
    facts.add(f"conversion from TF1: {found.proof or 'no record of a proof'}")
    if found.allowed:
        facts.add(f"allowed findings about pipeline.config: {', '.join(found.allowed)}")
    metrics = tree.add("metrics")
    for name, value in found.metrics.items():
        metrics.add(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    inputs = tree.add("inputs")
    for role, item in found.inputs.items():
        size = f"{item.files} file{'s' if item.files > 1 else ''}, {item.bytes:,} bytes"
        branch = inputs.add(f"{role.replace('_', ' ')}: {shown_path(item.path)}")
        branch.add(size)
        branch.add(f"sha256 {item.sha256}")
    training = tree.add("training settings")
    for name, value in found.training.items():
        if value not in (None, []):
            training.add(f"{name}: {value}")
    steps = tree.add(f"nodes, in {found.metadata}")
    for step in found.steps:
        node = steps.add(f"{step.node}: execution {step.execution_id} in run {escape(step.run_id)}")
        node.add(f"finished {step.finished}, code {step.code_version}")
    return tree
