"""upcycle lint"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from detection.errors import EXIT_BAD_INPUT
from pipelines.commands.options import AsJson, print_json

if TYPE_CHECKING:
    from components.config_validator.findings import Finding


def lint(
    config: Annotated[Path | None, typer.Argument(help="A pipeline.config.")] = None,
    label_map: Annotated[Path | None, typer.Option(help="The classes to learn.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="The TF1 checkpoint, frozen graph, or package:DIST:FILE.")
    ] = None,
    examples: Annotated[Path | None, typer.Option(help="A data set, as ExampleGen reads it.")] = None,
    fix: Annotated[Path | None, typer.Option(help="Write the config with safe fixes here.")] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Leave findings of this code (repeatable)."),
    ] = None,
    tflite: Annotated[
        bool,
        typer.Option("--tflite", help="Ask whether the model can become a TFLite model (export.tflite)."),
    ] = False,
    explain: Annotated[str | None, typer.Option(metavar="CODE", help="Say what a code means.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a pipeline.config before anything runs; exit code 1 for errors, 78 for an unreadable file.

    Example: upcycle lint detectors/demo/pipeline.config --label-map detectors/demo/label_map.pbtxt
    """
    if explain is not None:
        _explain(explain, as_json)
        return
    if config is None:
        raise typer.BadParameter("name a pipeline.config, or give --explain CODE")
    from components.config_validator.lint import lint as lint_config

    source = _checkpoint(checkpoint) if checkpoint else None
    result = lint_config(config, label_map, source, examples, fix_out=fix, allow=allow or (), tflite=tflite)
    errors = len(result.errors)
    if as_json:
        findings = [asdict(finding) for finding in result.findings]
        print_json({"config": str(config), "errors": errors, "findings": findings, "diff": result.diff})
    else:
        for finding in result.findings:
            typer.echo(f"{finding.location}: {finding.severity} {finding.code}: {finding.message}")
            typer.echo(f"  reason: {finding.reason}")
            typer.echo(f"  fix:    {finding.fix}{_note(finding)}")
        if result.diff:
            typer.echo(result.diff)
        typer.echo(f"{config}: {_counted(errors, 'error')}, {_counted(len(result.findings), 'finding')}")
    if result.unreadable:
        raise typer.Exit(EXIT_BAD_INPUT)
    if errors:
        raise typer.Exit(1)


def _explain(code: str, as_json: bool) -> None:
    from components.config_validator.explain import explain

    explanation = explain(code)
    if as_json:
        print_json(asdict(explanation))
    else:
        typer.echo(str(explanation))


def _checkpoint(checkpoint: str) -> Path:
    from pipelines.inputs import checkpoint_path

    return checkpoint_path(checkpoint)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _note(finding: Finding) -> str:
    if finding.allowed:
        return " (allowed: left as it is)"
    return " (applied by --fix)" if finding.safe else ""
