"""Two runs side by side on a terminal."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.evaluator.gate import title_of
from pipelines.run_comparison import RunComparison
from pipelines.summary_text import console, shown_path


def print_comparison(found: RunComparison, out: Console | None = None) -> None:
    """Print what two runs reached, and what differs between them."""
    out = out or console()
    for number, (run, report) in enumerate(zip(found.runs, found.reports, strict=True), start=1):
        out.print(f"{number}: {escape(run)}  {shown_path(report)}", soft_wrap=True)
    if not found.same_images:
        out.print("[yellow]The data of the two runs differ: their metrics are of different images.[/]")
    table = _table("")
    for name, values in found.metrics.items():
        table.add_row(title_of(name), *map(_number, values), _change(*values))
    table.add_section()
    for name, values in found.by_class.items():
        table.add_row(f"AP({escape(name)})", *map(_number, values), _change(*values))
    table.add_section()
    table.add_row(
        "gate", *("[green]blessed[/]" if blessed else "[red]refused[/]" for blessed in found.blessed)
    )
    out.print(table)
    for title, pairs in (
        ("inputs (sha256)", found.inputs),
        ("settings", found.settings),
        ("code", found.code),
    ):
        if not pairs:
            out.print(f"{title}: the same")
            continue
        differing = _table(title, change=False)
        for name, values in pairs.items():
            differing.add_row(escape(name), *map(_short, values))
        out.print(differing)
    times = _table("seconds", change=False)
    for name, values in found.seconds.items():
        times.add_row(name, *("-" if value is None else f"{value:.1f}" for value in values))
    out.print(times)


def _table(title: str, change: bool = True) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column(title)
    for number in ("1", "2"):
        table.add_column(number, justify="right", overflow="fold")
    if change:
        table.add_column("change", justify="right")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _change(first: float | None, second: float | None) -> str:
    return "-" if first is None or second is None else f"{second - first:+.3f}"


def _short(value: Any) -> str:
    text = "-" if value is None else str(value)
    return escape(text if len(text) <= 40 else text[:16] + "...")
