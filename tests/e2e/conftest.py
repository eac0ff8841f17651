"""One shortened demo for all end-to-end tests: fewer pictures, a few steps, the real DAG and model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"


@dataclass(frozen=True)
class Demo:
    """The home of the shortened demo and what its first run said."""

    home: Path
    environment: Mapping[str, str]
    output: str
    seconds: float

    @property
    def summary(self) -> dict[str, Any]:
        """summary.json of the latest run."""
        return json.loads((self.home / "demo" / "summary.json").read_text(encoding="utf-8"))

    def run(self, *argv: str, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command at the project's root with the demo's environment, output captured."""
        return subprocess.run(
            argv, cwd=ROOT, env=dict(self.environment), text=True, timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run_dag(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the demo's DAG without daemons, as `make demo` does."""
        return self.run(str(AIRFLOW), "-m", "dags.embedded", "retrain_demo", *options, timeout=1200)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A finished first run; the gate is open, since a few steps don't make a good model."""
    if not AIRFLOW.exists():
        pytest.skip("the Airflow environment is not installed: make install")
    home = tmp_path_factory.mktemp("home")
    detectors = tmp_path_factory.mktemp("detectors")
    shutil.copytree(ROOT / "detectors" / "demo", detectors / "demo")
    text = (ROOT / "detectors" / "demo.yaml").read_text(encoding="utf-8")
    text = text.replace("floor: 0.5", "floor: 0.0")
    (detectors / "demo.yaml").write_text(text, encoding="utf-8")
    environment = {
        **os.environ,
        "UPCYCLE_HOME": str(home),
        "UPCYCLE_DETECTORS": str(detectors),
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    first = Demo(home, environment, "", 0.0)
    drawn = first.run(
        sys.executable, "-m", "components.example_gen.road_signs", "--out", str(home / "demo" / "data"),
        "--images", "60",
    )  # fmt: skip
    assert drawn.returncode == 0, drawn.stdout
    started = time.monotonic()
    ran = first.run_dag("--steps", "16")
    assert ran.returncode == 0, ran.stdout
    return Demo(home, environment, ran.stdout, time.monotonic() - started)
