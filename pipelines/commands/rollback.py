"""upcycle rollback"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import AsJson, print_json


def rollback(
    detector: Annotated[str, typer.Argument(help="The detector's name.")],
    to: Annotated[int, typer.Option(min=1, help="The version to serve again.")],
    why: Annotated[str, typer.Option(help="For the history.")] = "",
    triggered_by: Annotated[str, typer.Option(help="Who does it, for the history; default: you.")] = "",
    as_json: AsJson = False,
) -> None:
    """Serve a published version again, in one atomic step.

    Example: upcycle rollback demo --to 1 --why "misses signs at night"
    """
    from components.pusher.publish import rollback as make_live
    from components.pusher.versions import live_number
    from pipelines.lineage import destination_of

    destination = destination_of(detector)
    was = live_number(destination)
    chosen = make_live(destination, to, why, triggered_by)
    if as_json:
        print_json({"detector": detector, "live": chosen.number, "was": was, "path": chosen.address})
    else:
        typer.echo(f"{detector}: version {chosen.number} serves now (before: {was}), {chosen.address}")
