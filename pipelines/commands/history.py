"""upcycle history"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands.options import AsJson, print_json


def history(
    detector: Annotated[str, typer.Argument(help="The detector's name.")],
    as_json: AsJson = False,
) -> None:
    """Show which versions were published, rolled back to and removed: when, by whom and why.

    Example: upcycle history demo
    """
    from components.pusher.versions import live_version, read_history
    from pipelines.lineage import destination_of

    destination = destination_of(detector)
    entries = read_history(destination)
    if as_json:
        print_json([entry.model_dump() for entry in entries])
        return
    for entry in entries:
        was = f" (before: {entry.was})" if entry.was else ""
        why = f": {entry.why}" if entry.why else ""
        if entry.anyway:
            why = f", not blessed, anyway: {entry.anyway} (the gate{why})"
        typer.echo(
            f"{entry.when}  {entry.action} {entry.version}{was} by {entry.who}, run {entry.run_id}{why}"
        )
    live = live_version(destination)  # last: where it is damaged, the history is what to look at
    typer.echo(f"live: version {live.number}, {live.address}" if live else "nothing serves yet")
