"""Plays Airflow's task runner: each attempt at a node is a process of its own, that a test may kill.

SIGTERM calls `on_kill`, as in Airflow; kill -9 leaves behind whatever runs elsewhere. The attempts are forks
of one process, because importing a provider takes seconds.
"""

from __future__ import annotations

import importlib
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240.0


class Attempt:
    """One attempt: its process, and the file with its log and, as the last line, its outcome."""

    def __init__(self, pid: int, file: Path) -> None:
        self.pid = pid
        self._file = file

    @property
    def log(self) -> str:
        """What was logged so far."""
        return self._file.read_text(encoding="utf-8")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Sends a signal; returns when SIGKILL has taken effect."""
        os.kill(self.pid, number)
        if number == signal.SIGKILL:
            self._wait()

    def outcome(self) -> dict[str, Any]:
        """{"result": ...} or {"error": TYPE, "message": ...}, when it has ended."""
        self._wait()
        return json.loads(self.log.splitlines()[-1])

    def _wait(self) -> None:
        deadline = time.monotonic() + SECONDS
        while Path(f"/proc/{self.pid}").exists():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.05)


class TaskRunner:
    """Starts attempts at the nodes of one executor."""

    def __init__(self, executor: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.dags.task_runner", executor],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._attempts: list[Attempt] = []

    def start(self, environment: dict[str, str], file: Path, detector: Path, arguments: list[str]) -> Attempt:
        """Starts an attempt at the Trainer of the detector in the file `detector`."""
        order = {
            "environment": environment,
            "file": str(file),
            "detector": str(detector),
            "arguments": arguments,
        }
        file.touch()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._attempts.append(Attempt(int(self._process.stdout.readline()), file))
        return self._attempts[-1]

    def end_attempts(self) -> None:
        """Kills what still runs."""
        for attempt in self._attempts:
            if Path(f"/proc/{attempt.pid}").exists():
                attempt.kill()
        self._attempts.clear()

    def close(self) -> None:
        """Ends all of it."""
        self.end_attempts()
        self._process.kill()
        self._process.wait()


@contextmanager
def attempts(
    runner: TaskRunner, detector: Path, environment: dict[str, str]
) -> Iterator[Callable[..., Attempt]]:
    """Yields what starts an attempt at the Trainer of a detector; those that still run end with the block."""
    airflow = {name: value for name, value in os.environ.items() if name.startswith("AIRFLOW")}
    numbers = itertools.count()

    def start(*arguments: str, **more: str) -> Attempt:
        words = arguments or ("--plan=/p", "", "--node=Trainer")
        log = detector.parent / f"{next(numbers)}.log"
        return runner.start(airflow | environment | more, log, detector, list(words))

    try:
        yield start
    finally:
        runner.end_attempts()


def serve(executor: str) -> None:
    """Forks an attempt for each line of JSON on stdin, and answers with its process id."""
    make_node = getattr(importlib.import_module(f"dags.{executor}_node"), f"{executor}_node")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them: the kernel may forget them at once
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            log = os.open(order["file"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            try:
                os.environ.clear()
                os.environ.update(order["environment"])
                print("\n" + json.dumps(run(make_node, order)), flush=True)
            finally:
                os._exit(0)
        print(pid, flush=True)


def run(make_node: Any, order: dict[str, Any]) -> dict[str, Any]:
    """One attempt, from the operator's making to its end."""
    from dags.commands import NodeCommand
    from pipelines.spec import DetectorSpec

    ti = SimpleNamespace(
        dag_id="retrain_signs",
        run_id="manual__2026-11-01T00:00:00+00:00",
        task_id="Trainer",
        map_index=-1,
        try_number=1,
        xcom_push=lambda key, value: None,
    )
    try:
        spec = DetectorSpec.from_file(order["detector"])
        command = NodeCommand("Trainer", "pipelines.run_node", tuple(order["arguments"]), spec, ("BUCKET",))
        task = make_node(command, {"task_id": "Trainer"})
        signal.signal(signal.SIGTERM, lambda *_: task.on_kill())
        return {"result": task.execute({"ti": ti, "run_id": ti.run_id, "dag": SimpleNamespace()})}
    except Exception as error:
        logging.exception("the attempt failed")
        return {"error": type(error).__name__, "message": str(error)}


if __name__ == "__main__":
    serve(sys.argv[1])
