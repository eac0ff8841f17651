"""Airflow's processes, played by shell scripts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dags import services
from dags.services import CannotServe, Services

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def said():
    return []


@pytest.fixture
def make_services(monkeypatch, tmp_path, said):
    """Services whose every command is this shell script, run in `tmp_path`."""
    made = []

    def make(script: str) -> Services:
        command = ["/bin/sh", "-c", f"cd '{tmp_path}'; {script}"]
        monkeypatch.setattr(services, "airflow_command", lambda *_: command)
        made.append(Services(tmp_path / "logs", said.append))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def tend_until(running: Services, condition, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        running.tend()
        time.sleep(0.05)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_failing_command_is_shown(make_services):
    with pytest.raises(CannotServe, match="(?s)`airflow db migrate` failed.*disk full"):
        make_services("echo disk full; exit 3").run_to_end("db", "migrate", seconds=30)


def test_a_hanging_command_is_a_time_out_and_ends(make_services, tmp_path, has_ended):
    with pytest.raises(CannotServe, match="`airflow db-migrate` took over 1 s"):
        make_services("echo $$ > pid; sleep 60").run_to_end("db", "migrate", seconds=1.0)
    assert has_ended(pids(tmp_path / "pid")[0])


def test_a_death_during_the_start_is_an_error(make_services):
    running = make_services("echo disk full; exit 3")
    running.start("api-server")
    deadline = time.monotonic() + 30
    with pytest.raises(CannotServe, match="(?s)api-server ended with 3.*disk full"):
        while time.monotonic() < deadline:
            running.check()
            time.sleep(0.05)


def test_what_has_died_starts_again_after_what_it_left_has_ended(make_services, tmp_path, said, has_ended):
    # The first leaves a child that ignores SIGTERM for a second, as a worker whose node saves its work.
    script = (
        "echo $$ >> pids; test -e left && exec sleep 60; "
        "sh -c 'trap \"sleep 1; exit\" TERM; while :; do sleep 0.1; done' & echo $! > left; "
        "sleep 0.3; kill -9 $$"
    )
    running = make_services(script)
    running.start("scheduler", "--skip-serve-logs")
    tend_until(running, lambda: len(pids(tmp_path / "pids")) == 2)
    [left] = pids(tmp_path / "left")
    assert has_ended(left)
    assert said == [f"scheduler ended with -9; it starts again (log: {running.log_of('scheduler')})"]
    running.stop()
    assert has_ended(pids(tmp_path / "pids")[1])


def test_what_dies_again_and_again_ends_the_server_with_its_log(make_services, monkeypatch, said):
    monkeypatch.setattr(services, "QUICK_DEATHS", 2)
    running = make_services("echo no such module; exit 1")
    running.start("triggerer")
    with pytest.raises(CannotServe, match="(?s)triggerer ended with 1.*no such module.*3 times in a row"):
        tend_until(running, lambda: False)
    assert len(said) == 2


def test_a_kill_of_the_server_ends_every_group(tmp_path, has_ended):
    """Also what ignores SIGTERM, and what SIGTERM on the parent's death doesn't reach."""
    script = (
        "from pathlib import Path; import time; from dags import services\n"
        "shell = 'sleep 60 & echo $! $$; trap \"\" TERM; while :; do sleep 1; done'\n"
        "services.airflow_command = lambda *_: ['/bin/sh', '-c', shell]\n"
        f"running = services.Services(Path({str(tmp_path)!r}), print)\n"
        "running.start('scheduler'); running.start('triggerer'); print('up', flush=True); time.sleep(60)"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "up\n"
    logs = [tmp_path / "scheduler.log", tmp_path / "triggerer.log"]
    deadline = time.monotonic() + 30
    while not all(log.read_text().endswith("\n") for log in logs) and time.monotonic() < deadline:
        time.sleep(0.05)
    server.kill()
    server.wait()
    started = [int(pid) for log in logs for pid in log.read_text().split()]
    assert len(started) == 4
    assert all(has_ended(pid) for pid in started)
