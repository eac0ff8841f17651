"""Alerts and notes of a real Airflow's runs, received on loopback."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.airflow.server import run_path
from tests.dags.receiver import Receiver

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow

NAME = "alerts"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def note(airflow: Airflow, dag_id: str, run_id: str) -> str | None:
    return airflow.api("GET", run_path(dag_id, run_id))["note"]


def refuse(airflow: Airflow) -> None:
    """Orders nodes that evaluate well, and a gate that refuses."""
    evaluation = airflow.folder / "home" / NAME / "evaluation"
    evaluation.mkdir(parents=True)
    (evaluation / "report.html").write_text("<p>refused</p>")
    rules = [{"rule": "floor", "passed": False, "sentence": "mAP@0.5 0.300, at least 0.400 wanted"}]
    (evaluation / "metrics.json").write_text(json.dumps({"verdict": {"blessed": False, "rules": rules}}))
    airflow.steer("Evaluator", NAME, result={"outputs": {"evaluation": str(evaluation)}})
    airflow.steer("Pusher", NAME, exit=99, times=1)


@pytest.mark.timeout(1200)
def test_a_failure_and_a_refusal_are_told_once_each(airflow: Airflow, receiver: Receiver) -> None:
    dag_id = airflow.add_detector(
        NAME, alerts={"to": receiver.url, "on": ["failure", "refused"]}, tasks={"retries": 1}
    )
    airflow.steer("Trainer", NAME, exit=1, times=2)
    failed = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, failed) == "failed"
    airflow.wait_for(lambda: receiver.messages, 60, "the message")
    assert note(airflow, dag_id, failed) == "failed: Trainer"

    refuse(airflow)
    refused = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, refused) == "success"
    airflow.wait_for(lambda: len(receiver.messages) > 1, 60, "the message")
    reason = "refused: mAP@0.5 0.300, at least 0.400 wanted"
    assert note(airflow, dag_id, refused) == f"{reason}; not published"

    first, second = receiver.messages
    assert first["title"] == f"[{NAME}] failed: Trainer"
    assert f"Run:        {failed}\n" in first["message"] and "attempt 2" in first["message"]
    assert "the label map is empty" in first["message"]
    assert second["title"] == f"[{NAME}] {reason}"
    report = next(line for line in second["message"].splitlines() if line.startswith("Report:")).split()[-1]
    with urllib.request.urlopen(report, timeout=30) as page:
        assert page.read() == b"<p>refused</p>"


@pytest.mark.timeout(1200)
def test_the_end_of_a_worker_is_told_by_the_dag_processor(airflow: Airflow, receiver: Receiver) -> None:
    dag_id = airflow.add_detector("alerts-killed", alerts={"to": receiver.url}, tasks={"retries": 0})
    airflow.steer("ConfigValidator", "alerts-killed", sleep=600)
    run_id = airflow.trigger(dag_id)
    [call] = airflow.wait_for(
        lambda: [c for c in airflow.calls("ConfigValidator", run_id) if "pid" in c], 300, "the node"
    )
    processes = airflow.processes()
    pid = call["pid"]
    while "LocalExecutor" not in processes[pid].command:  # node, task runner, worker
        pid = processes[pid].parent
    os.kill(pid, signal.SIGKILL)
    assert airflow.finished(dag_id, run_id) == "failed"
    airflow.wait_for(lambda: receiver.messages, 120, "the message")
    (message,) = receiver.messages
    assert message["title"] == "[alerts-killed] failed: ConfigValidator"
    assert "Its process vanished" in message["message"] and f"Run:        {run_id}\n" in message["message"]
    assert note(airflow, dag_id, run_id) == "failed: ConfigValidator"
