"""The DAG tests run under the Airflow environment: `.venv-airflow/bin/python -m pytest tests/dags`.

Nodes are played by stub_node.py, detectors are files of the tests' own, and Airflow's home is temporary.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
if importlib.util.find_spec("airflow") is None:  # the ML environment, where `make test` runs the other tests
    collect_ignore_glob = ["test_*.py"]
else:  # before a test module is imported: Airflow reads some settings at its first import, and never again
    from dags import environment

    os.environ["UPCYCLE_HOME"] = tempfile.mkdtemp(prefix="upcycle-airflow-")
    environment.forget(environment.DATABASE)
    environment.apply(environment.airflow_settings(environment.upcycle_home() / ".airflow", port=8080))

DETECTOR = """
name: {name}
description: A detector for the tests
executor: {executor}
model: {{pipeline_config: pipeline.config, checkpoint: model.ckpt}}
data: {{train: "data/{{span}}", label_map: label_map.pbtxt}}
train: {{steps: 7, learning_rate: 0.5}}
gate: {{floor: 0.4, class_floors: {{cat: 0.25}}}}
schedule: {{cron: {cron}, timezone: Europe/Berlin}}
"""


def _detector_yaml(name: str, executor: str = "process", cron: str = "'0 3 * * 1'") -> str:
    return DETECTOR.format(name=name, executor=executor, cron=cron)


@pytest.fixture
def detector_yaml() -> Callable[..., str]:
    """Writes a detector file that can be used."""
    return _detector_yaml


def make_stub_python(folder: Path) -> Path:
    """An executable that plays the ML environment's Python."""
    stub = folder / "python"
    script = Path(__file__).with_name("stub_node.py")
    stub.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I "{script}" "$@"\n', encoding="utf-8")
    stub.chmod(0o755)
    return stub


@pytest.fixture
def detectors(tmp_path: Path) -> Path:
    """A folder for detector files with one in it, `signs`."""
    folder = tmp_path / "detectors"
    folder.mkdir()
    (folder / "signs.yaml").write_text(_detector_yaml("signs"), encoding="utf-8")
    return folder


@pytest.fixture
def stub_environment(tmp_path: Path, detectors: Path) -> dict[str, str]:
    """The environment for a command under test: stub nodes, own detectors, own home, nothing of Airflow's."""
    passed = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "UPCYCLE"))}
    return passed | {
        "UPCYCLE_HOME": str(tmp_path / "home"),
        "UPCYCLE_DETECTORS": str(detectors),
        "UPCYCLE_ML_PYTHON": str(make_stub_python(tmp_path)),
        "UPCYCLE_STUB": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture(scope="session", autouse=True)
def airflow_in_tmp() -> Iterator[None]:
    """Airflow's database for the tests that import Airflow into this process; its folder goes afterwards."""
    from airflow.utils.db import initdb

    initdb()
    yield
    shutil.rmtree(os.environ["UPCYCLE_HOME"], ignore_errors=True)


@pytest.fixture
def load_dags(detectors: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Parses dags/ as Airflow does, with the detector files of the test."""

    def load() -> Any:
        from airflow.dag_processing.dagbag import DagBag

        monkeypatch.setenv("UPCYCLE_DETECTORS", str(detectors))
        return DagBag(dag_folder=str(ROOT / "dags"), bundle_name="dags-folder")

    return load


def _has_ended(pid: int) -> bool:
    """True when the process is gone, or waits as a zombie for a parent that this machine may lack."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state in "ZX":
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def has_ended() -> Callable[[int], bool]:
    """Whether a process ends within 10 s: the kernel carries a SIGKILL out a moment after it was sent."""
    return _has_ended
