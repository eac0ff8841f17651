"""A real Airflow for tests, with detectors and nodes that a test steers."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from dags.environment import sqlite_url
from tests.airflow.processes import Process
from tests.airflow.server import Refused, Server, run_path

ROOT = Path(__file__).resolve().parents[2]
STUB = ROOT / "tests" / "dags" / "stub_node.py"
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
ML_NODE = ROOT / "tests" / "airflow" / "ml_node.py"

PASSWORD = "correct-horse-battery"  # of $STORE_PASSWORD, for detectors that name it
# Shorter than in production, so that a test needn't wait. What each stands for is in the comment.
QUICK = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "25",  # 60: a task without sign of life has failed
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",  # 10: how often it looks
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",  # 5: a task's signs of life
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",  # 30: a dead scheduler's tasks are taken over
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",  # 30: `add_detector` asks for a parse itself
}
BASE = {
    "description": "A detector for the tests",
    "model": {"pipeline_config": "pipeline.config", "checkpoint": "model.ckpt"},
    "data": {"train": "data/{span}", "label_map": "label_map.pbtxt"},
    "train": {"steps": 7, "learning_rate": 0.5},
    "gate": {"floor": 0.4},
    "tasks": {"retry_delay": "1s"},
}
DAG_FILES = {
    "process": "retrain.py",
    "docker": "retrain_docker.py",
    "kubernetes": "retrain_kubernetes.py",
    "broken": "broken_detectors.py",
}
# What of a process title or command line tells the services apart
SERVICES = {
    "api-server": ("airflow api_server", "airflow api-server", "airflow.api_fastapi"),
    "scheduler": ("airflow scheduler",),
    "dag-processor": ("airflow dag-processor",),
    "triggerer": ("airflow triggerer",),
}


class Airflow(Server):
    """The server of the fixture `airflow`: `folder` holds its home, detectors/ and the stub's orders."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        self.detectors = folder / "detectors"
        self.detectors.mkdir()
        self._added: list[Path] = []
        self._runs: list[tuple[str, str]] = []
        self.detectors.joinpath("first.yaml").write_text(yaml.safe_dump(BASE | {"name": "first"}))
        passed = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "UPCYCLE"))}
        super().__init__(
            passed
            | QUICK
            | {
                "UPCYCLE_HOME": str(folder / "home"),
                "UPCYCLE_DETECTORS": str(self.detectors),
                "UPCYCLE_ML_PYTHON": str(_make_python(folder)),
                "UPCYCLE_STUB": str(folder),
                "STORE_PASSWORD": PASSWORD,
                "PYTHONPATH": str(ROOT),
            }
            | settings
        )

    def add_detector(self, name: str, /, **sections: Any) -> str:
        """Adds the detector file NAME.yaml, whose sections update `BASE`, and waits for its DAG's id.

        Its nodes are stubs, unless the name starts with `mlmd`: then they are real ones with quick executors.
        """
        text = yaml.safe_dump(_merged(BASE, sections) | {"name": name})
        return self.add_file(f"{name}.yaml", text, sections.get("executor", "process"))

    def add_file(self, name: str, text: str, executor: str = "process") -> str:
        """Adds a detector file as it is, and waits for the DAG `retrain_STEM`, the broken ones' too."""
        path = self.detectors / name
        path.write_text(text, encoding="utf-8")
        self._added.append(path)
        dag_id = f"retrain_{path.stem}"
        self.parse(executor)
        self.wait_for(lambda: dag_id in self.dags(), what=f"the DAG {dag_id}")
        return dag_id

    def parse(self, file: str = "process") -> None:
        """Asks for a parse of one of `DAG_FILES`, as the page's button does; it comes in seconds.

        The REST API refuses to parse files that had no DAG before, so the request goes into the database.
        """
        from sqlalchemy import create_engine, text

        url = self.environment.get(DATABASE) or sqlite_url(Path(self.home) / ".airflow")
        engine = create_engine(url)
        request = {"id": secrets.token_hex(16), "bundle": "dags-folder", "file": DAG_FILES[file]}
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO dag_priority_parsing_request (id, bundle_name, relative_fileloc)"
                    " VALUES (:id, :bundle, :file)"
                ),
                request,
            )
        engine.dispose()

    def trigger(self, dag_id: str, /, **conf: object) -> str:
        """As Server's; the run is ended after the test if it still goes."""
        run_id = super().trigger(dag_id, **conf)
        self._runs.append((dag_id, run_id))
        return run_id

    def steer(self, node: str, detector: str = "", /, **order: Any) -> None:
        """Orders the stub NODE (of one detector) to {exit, times, sleep, hold, print, result}."""
        name = f"{detector}.{node}.json" if detector else f"{node}.json"
        (self.folder / name).write_text(json.dumps(order), encoding="utf-8")

    def release(self) -> None:
        """Takes all orders back."""
        for order in self.folder.glob("*.json"):
            order.unlink()

    def calls(self, node: str | None = None, run_id: str | None = None) -> list[dict[str, Any]]:
        """What the stubs recorded (see stub_node.py), in order."""
        path = self.folder / "calls.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        found = [json.loads(line) for line in lines]
        return [c for c in found if node in (None, c["node"]) and run_id in (None, c.get("run"))]

    def nodes(self) -> dict[int, Process]:
        """The processes of nodes, with all that they started."""
        return {p.pid: p for p in self.processes().values() if p.group not in self._service_groups()}

    def service(self, name: str) -> int:
        """The process id of the service `api-server`, `scheduler`, `dag-processor` or `triggerer`."""
        children = [p for p in self.processes().values() if p.parent == self.process.pid]
        found = [p.pid for p in children if any(title in p.command for title in SERVICES[name])]
        assert len(found) == 1, f"{name}: {found} of {children}"
        return found[0]

    def kill_service(self, name: str) -> int:
        """kill -9 of one service's main process; returns the id it had."""
        pid = self.service(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def restart(self) -> None:
        """Starts it again over the same home, and waits until it is ready."""
        self.start()
        self.wait_until_ready()

    def log(self, dag_id: str, run_id: str, task_id: str, attempt: int = 1) -> str:
        """A task's log as Airflow's page shows it."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/logs/{attempt}?full_content=true"
        content = self.api("GET", path)["content"]
        lines = []
        for line in content:
            lines.append(str(line.get("event", line)))
            lines += [f"{e['exc_type']}: {e['exc_value']}" for e in line.get("error_detail") or ()]
        return "\n".join(lines)

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """A value that a task left; None if there is none."""
        path = f"{run_path(dag_id, run_id)}/taskInstances/{task_id}/xcomEntries/{quote(key)}?deserialize=true"
        try:
            return self.api("GET", path)["value"]
        except Refused as refused:
            if refused.status == 404:
                return None
            raise

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str) -> None:
        """Sets a task instance's state, as the page's buttons do."""
        self.api("PATCH", f"{run_path(dag_id, run_id)}/taskInstances/{task_id}", {"new_state": state})

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Sets a run's state, as the page's buttons do."""
        self.api("PATCH", run_path(dag_id, run_id), {"state": state})

    def clear(self, dag_id: str, run_id: str, *task_ids: str) -> None:
        """Clears tasks, so that they run again."""
        body = {"dry_run": False, "dag_run_id": run_id, "task_ids": list(task_ids), "only_failed": False}
        self.api("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)

    def asset_events(self, name: str) -> list[dict[str, Any]]:
        """The events of the asset `name`, the newest last."""
        assets = self.api("GET", f"/api/v2/assets?name_pattern={quote(name)}")["assets"]
        ids = [asset["id"] for asset in assets if asset["name"] == name]
        if not ids:
            return []
        events = self.api("GET", f"/api/v2/assets/events?asset_id={ids[0]}&limit=1000")["asset_events"]
        return sorted(events, key=lambda event: event["id"])

    def send_asset_event(self, name: str, **fields: Any) -> None:
        """Tells Airflow that the asset `name` has changed, for example partition_key="2026-11"."""
        assets = self.api("GET", f"/api/v2/assets?name_pattern={quote(name)}")["assets"]
        [asset] = [asset for asset in assets if asset["name"] == name]
        self.api("POST", "/api/v2/assets/events", {"asset_id": asset["id"]} | fields)

    def clean(self) -> None:
        """Ends what a test has left running, and takes its detectors and orders away."""
        if self.process.poll() is not None:
            self.restart()
        self.wait_for(self.answers, 240, "the API server")
        self.release()
        for dag_id, run_id in self._runs:
            with contextlib.suppress(Refused):
                if self.state(dag_id, run_id) not in ("success", "failed"):
                    self.mark_run(dag_id, run_id, "failed")
        for path in self._added:
            path.unlink(missing_ok=True)
        self._runs.clear()
        self._added.clear()
        deadline = time.monotonic() + 90
        while self.nodes() and time.monotonic() < deadline:
            time.sleep(0.2)

    def _service_groups(self) -> set[int]:
        return {self.process.pid} | {
            p.group for p in self.processes().values() if p.parent == self.process.pid and p.group == p.pid
        }


@contextmanager
def running(folder: Path, settings: dict[str, str]) -> Iterator[Airflow]:
    """An Airflow that is ready. It ends with the block, and leaves no process behind."""
    airflow = Airflow(folder, settings)
    try:
        airflow.wait_until_ready()
        yield airflow
    finally:
        left = airflow.end()
    assert left == {}


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merged(base[key], value) if both else value
    return merged


def _make_python(folder: Path) -> Path:
    """Plays the ML environment's Python: stubs, but real nodes for detectors named `mlmd...`."""
    python = folder / "python"
    stub, node, real = (shlex.quote(str(p)) for p in (STUB, ML_NODE, ROOT / ".venv" / "bin" / "python"))
    python.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *"/mlmd"*) exec {real} {node} "$@";; esac\n'
        f'exec {shlex.quote(sys.executable)} -I {stub} "$@"\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    return python
