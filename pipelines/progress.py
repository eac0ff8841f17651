"""Progress of a run in one process: a live table at a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO

from rich.console import Console, ConsoleRenderable
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table

from pipelines.node import NodeResult

_STYLES = {"waiting": "dim", "done": "green", "cached": "cyan", "skipped": "yellow", "failed": "red"}


@dataclass
class _Row:
    state: str = "waiting"
    started: float = 0.0
    seconds: float = 0.0
    line: str = ""


class RunProgress:
    """Shows each node's state, duration and last line; a context manager."""

    def __init__(self, nodes: list[str], out: TextIO) -> None:
        self._rows = {node: _Row() for node in nodes}
        self._console = Console(file=out, highlight=False)
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._table, console=self._console, refresh_per_second=8)

    def __enter__(self) -> RunProgress:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def started(self, node: str) -> None:
        """`node` runs."""
        self._rows[node] = _Row("running", time.monotonic())
        self._say(node)

    def line(self, node: str, text: str) -> None:
        """`node` printed a line."""
        if text.strip():
            self._rows[node].line = text.strip()
            self._say(f"  {text}")

    def finished(self, node: str, result: NodeResult) -> None:
        """`node` ended well."""
        state = "cached" if result.cached else "skipped" if result.skipped else "done"
        self._end(node, state)

    def failed(self, node: str) -> None:
        """`node` ended with an error."""
        self._end(node, "failed")

    def _end(self, node: str, state: str) -> None:
        row = self._rows[node]
        row.state, row.seconds = state, time.monotonic() - row.started
        self._say(f"{node}: {state}, {row.seconds:.1f} s")

    def _say(self, text: str) -> None:
        if self._live is None:
            self._console.print(text, markup=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(box=None, padding=(0, 1), expand=True)
        table.add_column("", width=2)
        table.add_column("node", no_wrap=True)
        table.add_column("state", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for node, row in self._rows.items():
            running = row.state == "running"
            seconds = time.monotonic() - row.started if running else row.seconds
            mark: ConsoleRenderable | str = self._spinner if running else ""
            table.add_row(
                mark,
                node,
                row.state,
                "" if row.state == "waiting" else f"{seconds:.1f} s",
                f"[dim]{escape(row.line)}[/]",
                style=_STYLES.get(row.state),
            )
        return table
