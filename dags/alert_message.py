"""What an alert says: a title, and plain text with the reasons and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout

from dags.alert_delivery import Message
from dags.links import base_url, page_url
from dags.run_files import BadData, Verdict, output, properties

_MOST_LINES = 30
_MOST_RULES = 12


def failed(detector: str, context: Mapping[str, Any]) -> Message:
    """A task failed for good: what it was, its last lines, and where its log is."""
    ti, error = context["ti"], context.get("exception")
    what, _, lines = str(error or "").strip().partition("\n")
    body = [
        _kind(error),
        what or "Its process vanished: killed, or its machine went away.",
        *_indented(lines.splitlines()),
        *_places(context, log=True),
    ]
    return Message(f"[{detector}] failed: {ti.task_id}", "\n".join(body), "failure")


def too_much_bad_data(detector: str, context: Mapping[str, Any]) -> Message:
    """ExampleGen stopped because of data.max_quarantined."""
    what, _, lines = str(context.get("exception") or "").strip().partition("\n")
    body = [what, *_indented(lines.splitlines()), *_places(context, log=True)]
    return Message(f"[{detector}] stopped: too much bad data", "\n".join(body), "failure")


def bad_data(detector: str, context: Mapping[str, Any], found: BadData, threshold: float) -> Message:
    """More of the data than alerts.quarantined was set aside; the run goes on."""
    body = [
        f"{found.what} were set aside ({found.part:.1%}; alerts.quarantined is {threshold:.1%}). "
        "The run goes on without them.",
        *(f"- {reason}" for reason in found.reasons),
        *_places(context, log=True),
    ]
    return Message(f"[{detector}] {found.part:.1%} of the data is bad", "\n".join(body), "warning")


def refused(
    detector: str, context: Mapping[str, Any], evaluator: Mapping[str, Any] | None, verdict: Verdict
) -> Message:
    """The gate refused the new model, so nothing was published."""
    body = [
        "The new model was not published; what serves is unchanged.",
        *_rules(verdict),
        *_places(context, report=_report(evaluator)),
    ]
    return Message(f"[{detector}] refused: {_first(verdict)}", "\n".join(body), "warning")


def published(
    detector: str,
    context: Mapping[str, Any],
    evaluator: Mapping[str, Any] | None,
    pusher: Mapping[str, Any],
    verdict: Verdict | None,
) -> Message:
    """A new version serves."""
    facts = properties(pusher, "pushed_model")
    against = (
        " although the gate refused it: the run's trigger said so" if verdict and not verdict.blessed else ""
    )
    body = [
        f"Version {facts.get('version')} is in {facts.get('pushed_destination')}{against}.",
        *(_rules(verdict) if verdict else []),
        *_places(context, report=_report(evaluator)),
    ]
    return Message(f"[{detector}] published: version {facts.get('version')}", "\n".join(body), "success")


def silent(detector: str, since: datetime, last_run: str | None, days: int, now: datetime) -> Message:
    """No run of a detector has ended well for `days` days."""
    gone = (now - since).days
    last = f"the last one, {last_run}, ended" if last_run else "none ever has; the detector is known since"
    body = [
        f"No run of {detector} has ended well for {gone} days ({last} {since:%Y-%m-%d %H:%M} UTC).",
        f"alerts.silent_days is {days}. This is said once, until a run ends well again.",
        *([f"DAG: {base_url()}/dags/retrain_{detector}"] if base_url() else []),  # cron may not know it
    ]
    return Message(f"[{detector}] silent for {gone} days", "\n".join(body), "warning")


def test(detector: str) -> Message:
    """Says nothing but that messages arrive."""
    return Message(f"[{detector}] test", f"Alerts of the detector {detector} arrive here.", "info")


def verdict_line(verdict: Verdict) -> str:
    """A verdict in a line."""
    return f"{'blessed' if verdict.blessed else 'refused'}: {_first(verdict)}"


def _kind(error: BaseException | None) -> str:
    if isinstance(error, AirflowFailException):
        return "Bad input (exit code 78): correct it first, a retry can't help."
    if isinstance(error, AirflowTaskTimeout):
        return "It took longer than tasks.timeouts allows, and was ended."
    return "It failed, and no retry is left."


def _first(verdict: Verdict) -> str:
    return verdict.sentences[0] if verdict.sentences else "see the report"


def _rules(verdict: Verdict) -> list[str]:
    more = len(verdict.sentences) - _MOST_RULES
    shown = [f"- {sentence}" for sentence in verdict.sentences[:_MOST_RULES]]
    return [*shown, f"- and {more} more, in the report"] if more > 0 else shown


def _report(evaluator: Mapping[str, Any] | None) -> str | None:
    folder = output(evaluator, "evaluation")
    return page_url(folder / "report.html") if folder else None


def _places(context: Mapping[str, Any], *, log: bool = False, report: str | None = None) -> list[str]:
    """Which run it was, who wanted it, and the links, each on a line of its own."""
    ti, run = context["ti"], context["dag_run"]
    who = getattr(run, "triggering_user_name", None) or _by(str(getattr(run, "run_type", "")))
    lines = {
        "Run": run.run_id,
        "Started by": who,
        "Task": f"{ti.task_id}, attempt {ti.try_number}",
        "Report": report,
        "Log": ti.log_url if log else None,
        "Run's page": f"{base_url()}/dags/{ti.dag_id}/runs/{quote(str(run.run_id))}",
    }
    return ["", *(f"{name + ':':<11} {value}" for name, value in lines.items() if value)]


def _by(run_type: str) -> str:
    return {"scheduled": "the schedule", "asset_triggered": "new data", "backfill": "a backfill"}.get(
        run_type.rpartition(".")[2].lower(), "Airflow"
    )


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"    {line}" for line in lines[-_MOST_LINES:]]
