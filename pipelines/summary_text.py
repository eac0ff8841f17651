"""A run's summary for a person: what was carried over, with what proof, what it won, what serves now."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from components.checkpoint_converter.report import ClassHead
from components.evaluator.gate import title_of
from components.evaluator.results import ModelEvaluation
from pipelines.summary import Summary

_PLAIN_WIDTH = 100  # of a log file, where a terminal has no say
_METRICS = ("mAP_50", "mAP_75", "mAP")
_RULES_SHOWN = 12  # those that refuse come first


def console() -> Console:
    """Standard output; lines of a log are not wrapped at 80 columns."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH, highlight=False)


def print_summary(summary: Summary, out: Console | None = None) -> None:
    """Print the summary."""
    out = out or console()
    out.rule(f"[bold]{summary.detector}[/]  run {escape(summary.run_id)}")
    kind = str(summary.conversion["kind"]).replace("_", " ")
    out.print(
        f"[bold]Model[/]      {summary.conversion['architecture']} from a TF1 {kind}; variables by block:"
    )
    out.print(_conversion_table(summary))
    for line in (_class_line(summary), _proof_line(summary), _data_line(summary), _training_line(summary)):
        if line:
            out.print(line, soft_wrap=True)
    if summary.candidate and summary.baseline and summary.verdict:
        out.print(f"[bold]Metrics[/]    on {summary.candidate.metrics.images} images:")
        out.print(_metrics_table(summary, summary.baseline, summary.candidate))
        _print_reasons(summary.verdict.reasons, out)
        out.print(_verdict_line(summary, summary.verdict.blessed), soft_wrap=True)
    else:
        verdict = f"none, the model was only converted; {_serving(summary)}"
        out.print(f"[bold]Verdict[/]    {verdict}", soft_wrap=True)
    out.print(_time_line(summary), soft_wrap=True)
    if summary.report:
        out.print(f"[bold]Report[/]     {shown_path(summary.report)}", soft_wrap=True)


def _print_reasons(reasons: list[str], out: Console) -> None:
    for reason in reasons[:_RULES_SHOWN]:
        out.print(f"  {escape(reason)}", soft_wrap=True)
    if len(reasons) > _RULES_SHOWN:
        out.print(f"  and {len(reasons) - _RULES_SHOWN} more rules, in the report")


def shown_path(path: str | Path) -> str:
    """A path as short as it can be written here; an address (s3://, gs://) as it is."""
    if "://" in str(path):
        return str(path)
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _conversion_table(summary: Summary) -> Table:
    conversion = summary.conversion
    table = Table(box=box.SIMPLE)
    table.add_column("block")
    for name in ("wanted", "loaded", "fresh"):
        table.add_column(name, justify="right")
    for block in conversion["blocks"]:
        if not block["wanted"]:  # what training left in the checkpoint: nothing of the model
            continue
        counts = [str(block[name]) for name in ("wanted", "loaded", "fresh")]
        table.add_row(block["block"].replace("_", " "), *counts)
    table.add_section()
    fresh = conversion["variables_total"] - conversion["variables_loaded"]
    table.add_row(
        "all",
        str(conversion["variables_total"]),
        str(conversion["variables_loaded"]),
        str(fresh),
        style="bold",
    )
    return table


def _class_line(summary: Summary) -> str:
    head = ClassHead.model_validate(summary.conversion["class_head"])
    return f"[bold]Classes[/]    {escape(head.describe())}"


def _proof_line(summary: Summary) -> str:
    proof = summary.conversion["proof"]
    if proof is None:
        return "[bold]Proof[/]      [red]unproved[/]: model.prove is false in the detector's YAML"
    word = "[green]proved[/]" if proof["passed"] else "[red]not proved[/]"
    return (
        f"[bold]Proof[/]      {word}: at most {proof['max_difference_raw']:.1e} from the TF1 graph "
        f"(tolerance {proof['tolerance']:.0e}) on {proof['images']} photographs, "
        f"{proof['matched_detections']} detections matched"
    )


def _data_line(summary: Summary) -> str:
    data = summary.data
    if data is None:
        return ""
    return (
        f"[bold]Data[/]       {data['images_read']} images read = {data['images_written']} written + "
        f"{data['images_quarantined']} quarantined; {data['boxes_written']} of {data['boxes_read']} boxes"
    )


def _training_line(summary: Summary) -> str:
    training = summary.training
    if training is None:
        return ""
    line = (
        f"[bold]Training[/]   {training['steps']} steps at {training['images_per_second']:.1f} images/s "
        f"in {training['seconds']:.0f} s"
    )
    if training["first_loss"] is not None:
        line += f", loss {training['first_loss']:.2f} -> {training['last_loss']:.2f}"
    if training.get("resumed_from"):
        line += f", resumed from step {training['resumed_from']}"
    return line


def _metrics_table(summary: Summary, old: ModelEvaluation, new: ModelEvaluation) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("metric")
    table.add_column(f"baseline: {old.title}", justify="right")
    table.add_column(escape(summary.evaluated.title) if summary.evaluated else "new", justify="right")
    for name in _METRICS:
        values = [_value(getattr(model.metrics, name)) for model in (old, new)]
        style = "bold" if name == summary.gate.metric else None
        table.add_row(title_of(name), *values, style=style)
    return table


def _value(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _verdict_line(summary: Summary, blessed: bool) -> str:
    word = "[green]blessed[/]" if blessed else "[red]refused[/]"
    if summary.evaluated is not None:
        title = escape(summary.evaluated.title)
        return f"[bold]Verdict[/]    {word}: {title}, only evaluated and not published, {_serving(summary)}"
    published = summary.published
    if published is None:
        return f"[bold]Verdict[/]    {word}: not published, {_serving(summary)}"
    if published.anyway:
        word += f", [yellow]published anyway[/] {escape(published.anyway)}"
    line = f"[bold]Verdict[/]    {word}: version {published.version} in {shown_path(published.path)}"
    return line + (", live" if published.live else f"; live is version {summary.live_version}")


def _serving(summary: Summary) -> str:
    return "nothing serves yet" if summary.live_version is None else f"version {summary.live_version} stays"


def _time_line(summary: Summary) -> str:
    parts = [
        f"{time.node} {time.seconds:.1f} s" + (" (cache)" if time.cached else "") for time in summary.nodes
    ]
    return f"[bold]Time[/]       {summary.seconds:.0f} s: " + ", ".join(parts)
