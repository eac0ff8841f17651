"""upcycle report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.commands.options import AsJson, print_json


def report(
    runs: Annotated[
        list[str], typer.Argument(help="A detector, for its last finished run, or DETECTOR/RUN_ID.")
    ],
    compare: Annotated[bool, typer.Option("--compare", help="Set two runs side by side.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print the summary of a finished run and where its report is, or what differs between two runs.

    Example: upcycle report demo
    """
    from pipelines.run_comparison import compare_runs, find_run

    if len(runs) != (2 if compare else 1):
        wanted = "two runs" if compare else "one run"
        raise typer.BadParameter(f"give {wanted}, not {len(runs)}", param_hint="RUNS")
    plans = [find_run(run) for run in runs]
    if compare:
        from pipelines.run_comparison_text import print_comparison

        found = compare_runs(*plans)
        if as_json:
            print_json(found.model_dump())
        else:
            print_comparison(found)
        return
    from detection.errors import BadInput
    from pipelines.summary import Summary
    from pipelines.summary_text import print_summary

    file = Path(plans[0].run_dir) / "summary.json"
    if not file.is_file():
        raise BadInput(f"the run {plans[0].run_id} has not finished", str(file), "upcycle run YAML --resume")
    summary = Summary.model_validate_json(file.read_text(encoding="utf-8"))
    if as_json:
        print_json(summary.model_dump())
    else:
        print_summary(summary)
    if open_page:
        if not summary.report:
            raise BadInput("a run that only converts has no report", summary.run_dir, "leave --open out")
        typer.launch(summary.report)
