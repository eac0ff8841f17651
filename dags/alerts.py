"""Who is told when a run fails, a model is refused, or nothing runs any more.

`python -m dags.alerts --test DETECTOR.yaml` sends a test message to a detector's receivers.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dags import alert_message, links
from dags.alert_address import resolve
from dags.alert_delivery import Message, deliver
from dags.environment import EXIT_BAD_INPUT
from dags.run_files import bad_data, properties, verdict
from dags.run_note import keep_note
from dags.sent_once import is_first
from pipelines.spec import DetectorSpec, SpecError

EXIT_FAILED = 1
# What ExampleGen's error about too much bad data names as the setting to change
_TOO_MUCH = "data.max_quarantined"
_log = logging.getLogger(__name__)


def task_callbacks(spec: DetectorSpec, path: Path) -> dict[str, Any]:
    """What Airflow calls around every task of a detector whose file is at `path`: links, note, alerts.

    All of it runs beside the node: nothing here fails a task. The DAG has none: they would run in the DAG
    processor, without the run's results.
    """
    alerts = _alerts(spec, path)
    return {
        "pre_execute": links.show_running,
        "post_execute": links.show_result,
        "on_success_callback": [keep_note, *(alert.succeeded for alert in alerts)],
        "on_skipped_callback": [keep_note, *(alert.skipped for alert in alerts)],
        **failure_callback(spec, path),
    }


def failure_callback(spec: DetectorSpec, path: Path) -> dict[str, Any]:
    """What Airflow calls when a task of a detector whose file is at `path` has failed for good: alerts."""
    return {"on_failure_callback": [alert.failed for alert in _alerts(spec, path)]}


def _alerts(spec: DetectorSpec, path: Path) -> list[Alerts]:
    return [Alerts(spec, path)] if spec.alerts.to else []


@dataclass(frozen=True)
class Alerts:
    """The messages of one detector. Its receivers' addresses are read when one is sent, and never kept."""

    spec: DetectorSpec
    path: Path

    def failed(self, context: Mapping[str, Any]) -> None:
        """A task failed and no retry is left."""
        error = str(context.get("exception") or "")
        if (
            context["ti"].task_id == "ExampleGen"
            and _TOO_MUCH in error
            and "quarantine" in self.spec.alerts.on
        ):
            self._send("quarantine", alert_message.too_much_bad_data, context)
        else:
            self._send("failure", alert_message.failed, context)

    def succeeded(self, context: Mapping[str, Any]) -> None:
        """A task ended well: ExampleGen may have set much aside, the Pusher has published."""
        ti, threshold = context["ti"], self.spec.alerts.quarantined
        if ti.task_id == "ExampleGen" and threshold is not None:
            result = ti.xcom_pull(task_ids="ExampleGen") or {}
            # From the cache: the same data, which was told of when it came.
            found = None if result.get("cached") else bad_data(result)
            if found and found.part > threshold:
                self._send("quarantine", alert_message.bad_data, context, found, threshold)
        if ti.task_id == "Pusher":
            pusher, evaluator = ti.xcom_pull(task_ids="Pusher"), ti.xcom_pull(task_ids="Evaluator")
            if properties(pusher, "pushed_model").get("pushed"):
                self._send(
                    "published", alert_message.published, context, evaluator, pusher, verdict(evaluator)
                )

    def skipped(self, context: Mapping[str, Any]) -> None:
        """A node had nothing to do: the Pusher, when the gate refused the model."""
        ti = context["ti"]
        if ti.task_id == "Pusher":
            evaluator = ti.xcom_pull(task_ids="Evaluator")
            found = verdict(evaluator)
            if found is not None and not found.blessed:
                self._send("refused", alert_message.refused, context, evaluator, found)

    def _send(self, event: str, make: Any, context: Mapping[str, Any], *facts: Any) -> None:
        ti = context["ti"]
        attempt = (event, ti.dag_id, context["dag_run"].run_id, ti.task_id, str(ti.try_number))
        if event in self.spec.alerts.on and is_first(*attempt):
            tell(self.spec, self.path, make(self.spec.name, context, *facts))


def tell(spec: DetectorSpec, path: Path, message: Message) -> list[str]:
    """Sends a message to a detector's receivers; returns and logs a sentence for each that failed."""
    addresses, broken = resolve(spec.alerts.to, str(path))
    problems = [*map(str, broken), *deliver(addresses, message)]
    for problem in problems:
        _log.warning("alert %r: %s", message.title, problem)
    if len(problems) < len(spec.alerts.to):
        _log.info("alert sent: %s", message.title)
    return problems


def main(argv: list[str] | None = None) -> int:
    """Returns 0 if every receiver took the test message, 1 if one did not, 78 for a bad file or address."""
    parser = argparse.ArgumentParser(prog="python -m dags.alerts", description=__doc__)
    parser.add_argument("--test", type=Path, required=True, metavar="YAML", help="the detector's file")
    path = parser.parse_args(argv).test
    try:
        spec = DetectorSpec.from_file(path)
        if not spec.alerts.to:
            raise SpecError("alerts.to is empty: nobody would be told", str(path), "see docs/alerts.md")
        addresses, broken = resolve(spec.alerts.to, str(path))
        broken += [problem for address in addresses if (problem := address.problem(str(path)))]
    except SpecError as error:
        broken = [error]
    for problem in broken:
        print(f"error: {problem}", file=sys.stderr)
    if broken:
        return EXIT_BAD_INPUT
    failures = deliver(addresses, alert_message.test(spec.name))
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    print(f"{len(addresses) - len(failures)} of {len(addresses)} receivers took the test message")
    return EXIT_FAILED if failures else 0


if __name__ == "__main__":
    sys.exit(main())
