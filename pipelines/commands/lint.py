"""upcycle lint"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsJson, print_json


def lint(
    config: Annotated[Path, typer.Argument(help="A pipeline.config.")],
    label_map: Annotated[Path | None, typer.Option(help="The classes to learn.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="The TF1 checkpoint, frozen graph, or package:DIST:FILE.")
    ] = None,
    examples: Annotated[Path | None, typer.Option(help="A folder of Pascal VOC data, or a CSV.")] = None,
    fix: Annotated[Path | None, typer.Option(help="Write the config with safe fixes here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a pipeline.config before anything runs; exit code 1 if errors are left for you.

    Example: upcycle lint detectors/demo/pipeline.config --label-map detectors/demo/label_map.pbtxt
    """
    from components.config_validator.lint import lint as lint_config
    from pipelines.inputs import checkpoint_path

    source = checkpoint_path(checkpoint) if checkpoint else None
    result = lint_config(config, label_map=label_map, checkpoint=source, examples=examples, fix_out=fix)
    errors = len(result.errors)
    if as_json:
        findings = [finding.model_dump() for finding in result.findings]
        print_json({"config": str(config), "errors": errors, "findings": findings, "diff": result.diff})
    else:
        for finding in result.findings:
            typer.echo(f"{finding.location}: {finding.severity} {finding.code}: {finding.message}")
            typer.echo(f"  reason: {finding.reason}")
            typer.echo(f"  fix:    {finding.fix}" + (" (applied by --fix)" if finding.safe else ""))
        if result.diff:
            typer.echo(result.diff)
        typer.echo(f"{config}: {errors} errors, {len(result.findings)} findings")
    if errors:
        raise typer.Exit(1)
