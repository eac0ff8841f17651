"""upcycle report"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import AsJson, print_json


def report(
    detector: Annotated[str, typer.Argument(help="The detector's name.")], as_json: AsJson = False
) -> None:
    """Print the summary of a detector's last finished run, and where its report is.

    Example: upcycle report demo
    """
    from detection.errors import BadInput
    from pipelines.home import DetectorHome
    from pipelines.summary import Summary
    from pipelines.summary_text import print_summary

    file = DetectorHome.of(detector).summary
    if not file.is_file():
        raise BadInput(
            f"no run of {detector!r} has finished yet",
            str(file),
            "upcycle run detectors/NAME.yaml, or set UPCYCLE_HOME to where it ran",
        )
    summary = Summary.model_validate_json(file.read_text(encoding="utf-8"))
    if as_json:
        print_json(summary.model_dump())
    else:
        print_summary(summary)
