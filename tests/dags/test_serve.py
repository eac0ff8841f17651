from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from dags import serve
from dags.services import CannotServe, Services
from pipelines.nodes import NODES
from tests.airflow.processes import left_running, listening_on, processes_of
from tests.airflow.server import Server
from tests.ports import free_port


@pytest.fixture
def server(stub_environment):
    server = Server(stub_environment)
    yield server
    assert server.end() == {}


def calls(folder: Path) -> list[dict]:
    path = folder / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_through_the_real_scheduler(server, detectors, detector_yaml, tmp_path):
    (detectors / "signs.yaml").write_text(detector_yaml("signs", cron="null"))
    (detectors / "broken.yaml").write_text("no: good")
    server.wait_until_ready()
    assert server.api("GET", "/api/v2/pools/gpu")["slots"] == 1
    assert listening_on(processes_of(server.home)) == {f"127.0.0.1:{server.port}"}

    run_id = server.trigger("retrain_signs", steps=3)
    assert server.finished("retrain_signs", run_id) == "success"
    server.wait_for(lambda: set(server.dags()) == {"retrain_signs", "rollback_signs", "retrain_broken"})
    assert "broken: broken.yaml" in server.dags()["retrain_broken"]["dag_display_name"]
    [error] = server.wait_for(lambda: server.api("GET", "/api/v2/importErrors")["import_errors"])
    assert "broken.yaml" in error["stack_trace"] and "fix:" in error["stack_trace"]
    tasks = server.tasks("retrain_signs", run_id)
    assert {name: (task["state"], task["try_number"]) for name, task in tasks.items()} == {
        name: ("success", 1) for name in ("plan", *NODES, "summary")
    }
    links = f"/api/v2/dags/retrain_signs/dagRuns/{run_id}/taskInstances/{{}}/links"
    shown = server.api("GET", links.format("Evaluator"))["extra_links"]["Report"]
    with urllib.request.urlopen(shown, timeout=30) as report:
        assert report.read() == b"<p>the report</p>"
    assert server.api("GET", links.format("Pusher"))["extra_links"]["Report"] is None
    made = calls(tmp_path)
    assert (made[0]["steps"], made[0]["run_id"]) == ("3", run_id)
    assert not any(name.startswith("AIRFLOW") for call in made for name in call["environment"])

    # Stopping while a node works ends the node and its helpers too.
    (tmp_path / "ExampleGen.json").write_text(json.dumps({"sleep": 300}))
    server.trigger("retrain_signs")
    server.wait_for(lambda: any("helper" in call for call in calls(tmp_path)))
    assert server.stop() == 0
    assert left_running(server.home) == {}
    assert [call["signal"] for call in calls(tmp_path) if "signal" in call] == [signal.SIGTERM]


def test_a_busy_port_is_said(stub_environment):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = subprocess.run(
            [sys.executable, "-m", "dags.serve", "--port", str(other.getsockname()[1])],
            env=stub_environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert "is in use; waiting" in done.stdout
    assert "can't be used" in done.stdout and "--port" in done.stdout


def test_a_port_that_becomes_free_is_waited_for(capsys):
    """As that of a server killed a moment ago: its processes hold it until they have ended."""
    with socket.socket() as other:
        other.bind((serve.HOST, 0))
        other.listen()
        port = other.getsockname()[1]
        threading.Timer(1.0, other.close).start()
        began = time.monotonic()
        serve.wait_for_port(port)
    assert 0.9 < time.monotonic() - began < serve.PORT_SECONDS
    assert capsys.readouterr().out.count("is in use") == 1


def test_a_port_that_cannot_be_is_refused_at_once():
    began = time.monotonic()
    with pytest.raises(CannotServe, match="port 70000 can't be used"):
        serve.wait_for_port(70_000)
    assert time.monotonic() - began < 1


def test_stop_during_the_start(server):
    server.wait_for(lambda: server.has_said("preparing the database"))
    assert server.stop() == 0
    assert left_running(server.home) == {}


def test_a_server_that_never_gets_healthy_is_a_time_out(monkeypatch, tmp_path):
    monkeypatch.setattr(serve, "START_SECONDS", 0.5)
    with pytest.raises(CannotServe, match="not healthy after 0 s: the API server"):
        serve.wait_for(Services(tmp_path, print), free_port(), ())
