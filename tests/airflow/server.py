"""`python -m dags.serve` for tests, and its REST API."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from dags.child import die_with
from tests.airflow.processes import Process, left_running, processes_of
from tests.ports import free_port

FINISHED = ("success", "failed")
T = TypeVar("T")


class Refused(Exception):
    """The REST API answered with an error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status
        self.text = text


class Server:
    """One Airflow: it is started with `environment`, and can be again after it has ended."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.home = environment["UPCYCLE_HOME"]
        self.environment = environment
        self.output: list[str] = []
        Path(self.home).mkdir(exist_ok=True)
        self.start()

    def start(self) -> None:
        """Starts it; `wait_until_ready` waits for it."""
        self.output.clear()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dags.serve", "--no-login", "--port", str(self.port)],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C is for the test, which then ends it
            preexec_fn=die_with(os.getpid()),
        )
        threading.Thread(target=self._read, args=[self.process.stdout], daemon=True).start()

    def _read(self, stream: Any) -> None:
        self.output.extend(iter(stream.readline, ""))

    def wait_for(self, condition: Callable[[], T], seconds: float = 120.0, what: str = "") -> T:
        """What `condition` returns once that is true; fails after `seconds`, or when the server ends."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            assert self.process.poll() is None, "Airflow has ended:\n" + "".join(self.output)
            if time.monotonic() > deadline:
                raise AssertionError(f"not in {seconds:.0f} s: {what or condition}\n" + "".join(self.output))
            time.sleep(0.2)

    def wait_until_ready(self) -> None:
        """Waits until all of Airflow is healthy."""
        self.wait_for(lambda: self.has_said("Airflow is ready"), 300, "ready")

    def has_said(self, text: str) -> bool:
        """Whether `dags.serve` printed a line with this text since it was started."""
        return any(text in line for line in self.output)

    def stop(self) -> int:
        """SIGTERM, as from Ctrl-C or `docker stop`; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def end(self) -> dict[int, Process]:
        """Stops it; returns what that left behind, which is then killed."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.stop()
        self.process.kill()
        self.process.wait()
        left = left_running(self.home)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return left

    def processes(self) -> dict[int, Process]:
        """All processes of this Airflow and its nodes, by id, `dags.serve` itself included."""
        return processes_of(self.home)

    def api(self, method: str, path: str, body: Any = None, timeout: float = 60.0) -> Any:
        """Calls the REST API (`path` starts with /); returns the JSON. Raises Refused, OSError."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode()) from None
        return json.loads(text) if text else None

    def answers(self) -> bool:
        """Whether the API server is there."""
        with contextlib.suppress(Refused, OSError):
            return bool(self.api("GET", "/api/v2/version"))
        return False

    def dags(self) -> dict[str, dict[str, Any]]:
        """The DAGs that Airflow knows."""
        return {dag["dag_id"]: dag for dag in self.api("GET", "/api/v2/dags?limit=1000")["dags"]}

    def trigger(self, dag_id: str, /, **conf: object) -> str:
        """Starts a run with these values of the trigger form, as soon as the DAG is there; its id."""
        self.wait_for(lambda: dag_id in self.dags(), what=f"the DAG {dag_id}")
        self.api("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": False})
        body = {"conf": conf, "logical_date": datetime.now(UTC).isoformat()}
        return str(self.api("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        return str(self.api("GET", run_path(dag_id, run_id))["state"])

    def finished(self, dag_id: str, run_id: str, seconds: float = 180.0) -> str:
        """The state in which a run ends."""

        def ended() -> str | None:
            # The API server may be down for a moment where a test kills it
            with contextlib.suppress(OSError, Refused):
                state = self.state(dag_id, run_id)
                return state if state in FINISHED else None
            return None

        return str(self.wait_for(ended, seconds, f"the end of {dag_id} {run_id}"))

    def tasks(self, dag_id: str, run_id: str) -> dict[str, dict[str, Any]]:
        """The task instances of a run, by task."""
        found = self.api("GET", f"{run_path(dag_id, run_id)}/taskInstances")["task_instances"]
        return {task["task_id"]: task for task in found}

    def wait_for_task(
        self, dag_id: str, run_id: str, task_id: str, *states: str, attempt: int = 1, seconds: float = 120.0
    ) -> dict[str, Any]:
        """The task instance once it is in one of `states`, in this attempt or a later one."""

        def there() -> dict[str, Any] | None:
            task = self.tasks(dag_id, run_id).get(task_id, {})
            return task if task.get("state") in states and task["try_number"] >= attempt else None

        found = self.wait_for(there, seconds, f"{task_id} {' or '.join(states)} in {dag_id} {run_id}")
        assert found is not None
        return found


def run_path(dag_id: str, run_id: str) -> str:
    """The address of a run in the REST API."""
    return f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}"
