from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dags import serve


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_of(home: str) -> dict[int, str]:
    """The processes that a server under test started: those in its working folder, and its nodes.

    The environment alone does not tell: Airflow writes its process titles over it.
    """
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                is_ours = os.readlink(folder / "cwd") == home
                if is_ours or f"UPCYCLE_HOME={home}".encode() in (folder / "environ").read_bytes():
                    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    found[int(folder.name)] = command
    return found


def left_running(home: str) -> dict[int, str]:
    """What `processes_of` still finds after up to 30 s: a signal takes effect a moment after it was sent."""
    deadline = time.monotonic() + 30
    while (found := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def listening_on(pids: dict[int, str]) -> set[str]:
    """The addresses on which these processes accept TCP connections."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in inodes:
                host, port = local.split(":")
                known = {"0100007F": "127.0.0.1", "00000000000000000000000001000000": "::1"}
                addresses.add(f"{known.get(host, host)}:{int(port, 16)}")
    return addresses


class Server:
    """`python -m dags.serve` and its REST API."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.home = environment["UPCYCLE_HOME"]
        Path(self.home).mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dags.serve", "--port", str(self.port)],
            env=environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output: list[str] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.output.extend(iter(self.process.stdout.readline, ""))

    def wait_for(self, condition, seconds: float = 120.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            assert self.process.poll() is None, "".join(self.output)
            time.sleep(0.3)
        raise AssertionError("not in time: " + "".join(self.output))

    def wait_until_ready(self) -> None:
        self.wait_for(lambda: any("Airflow is ready" in line for line in self.output))

    def api(self, method: str, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def trigger(self, dag_id: str, **conf: object) -> str:
        self.wait_for(lambda: dag_id in [d["dag_id"] for d in self.api("GET", "/api/v2/dags")["dags"]])
        self.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        body = {"conf": conf, "logical_date": datetime.now(UTC).isoformat()}
        return self.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"]

    def state(self, dag_id: str, run_id: str) -> str:
        return self.api("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")["state"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture
def server(stub_environment):
    server = Server(stub_environment)
    yield server
    if server.process.poll() is None:
        server.stop()


def calls(folder: Path) -> list[dict]:
    path = folder / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_run_through_the_real_scheduler(server, detectors, detector_yaml, tmp_path):
    (detectors / "signs.yaml").write_text(detector_yaml("signs", cron="null"))
    (detectors / "broken.yaml").write_text("no: good")
    (tmp_path / "Trainer.json").write_text(json.dumps({"exit": 1, "times": 1}))
    server.wait_until_ready()
    assert server.api("GET", "/api/v2/pools/gpu")["slots"] == 1
    assert listening_on(processes_of(server.home)) == {f"127.0.0.1:{server.port}"}

    run_id = server.trigger("retrain_signs", steps=3)
    assert server.wait_for(
        lambda: (s := server.state("retrain_signs", run_id)) in ("success", "failed") and s
    ) == ("success")
    dags = {dag["dag_id"]: dag for dag in server.api("GET", "/api/v2/dags")["dags"]}
    assert set(dags) == {"retrain_signs", "rollback_signs", "retrain_broken"}
    assert "broken: broken.yaml" in dags["retrain_broken"]["dag_display_name"]
    assert server.api("GET", "/api/v2/importErrors")["total_entries"] == 0
    tasks = server.api("GET", f"/api/v2/dags/retrain_signs/dagRuns/{run_id}/taskInstances")["task_instances"]
    assert {t["task_id"]: (t["state"], t["try_number"]) for t in tasks} == {
        name: ("success", 2 if name == "Trainer" else 1)
        for name in (
            "plan",
            "ExampleGen",
            "ConfigValidator",
            "CheckpointConverter",
            "Trainer",
            "Evaluator",
            "Pusher",
            "summary",
        )
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


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["scheduler", "serve"])
def test_all_end_when_one_dies(server, victim):
    server.wait_until_ready()
    if victim == "serve":
        server.process.kill()
    else:
        pids = [pid for pid, line in processes_of(server.home).items() if "airflow scheduler" in line]
        os.kill(min(pids), signal.SIGKILL)
    code = server.process.wait(60)
    assert left_running(server.home) == {}
    if victim == "scheduler":
        assert code == 1
        assert any("scheduler ended with -9" in line for line in server.output)


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
    assert "can't be used" in done.stdout and "--port" in done.stdout


def test_stop_during_the_start(server):
    server.wait_for(lambda: any("preparing the database" in line for line in server.output))
    assert server.stop() == 0
    assert processes_of(server.home) == {}


def test_a_server_that_never_gets_healthy_is_a_time_out(monkeypatch, tmp_path):
    monkeypatch.setattr(serve, "START_SECONDS", 0.5)
    with pytest.raises(serve.CannotServe, match="not healthy after 0 s: the API server"):
        serve.wait_for(serve.Services(tmp_path), free_port(), ())


def test_a_failing_command_is_shown(monkeypatch, tmp_path):
    monkeypatch.setattr(serve, "airflow_command", lambda *_: ["/bin/sh", "-c", "echo disk full; exit 3"])
    with pytest.raises(serve.CannotServe, match="(?s)`airflow db migrate` failed.*disk full"):
        serve.run_to_end(serve.Services(tmp_path), "db", "migrate")
    services = serve.Services(tmp_path)
    services.start("api-server")
    deadline = time.monotonic() + 5
    with pytest.raises(serve.CannotServe, match="(?s)api-server ended with 3.*disk full"):
        while time.monotonic() < deadline:
            services.check()
            time.sleep(0.05)
    services.stop()
