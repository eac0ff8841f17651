"""Whole runs of detectors that are no SSD: killed while they train, resumed, evaluated and published."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.parity.od_api import write_detector
from tests.parity.od_api_shim_configs import ALL_CONFIGS

ROOT = Path(__file__).resolve().parents[2]
STEPS = 12
ARCHITECTURES = ("rfcn_resnet101", "faster_rcnn_inception_v2")  # the first through the OD API's own code
TRAINING = """
train_config {
  batch_size: 1 num_steps: 2000 gradient_clipping_by_norm: 10
  optimizer { momentum_optimizer {
    learning_rate { constant_learning_rate { learning_rate: 0.001 } } momentum_optimizer_value: 0.9
  } }
}
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]


def write_inputs(name: str, folder: Path) -> Path:
    """A TF1 checkpoint of random weights, pictures, and the YAML that names them."""
    source = write_detector(ALL_CONFIGS[name], folder / "tf1")
    config = folder / "pipeline.config"
    config.write_text(source.config.read_text() + TRAINING)
    signs = [sys.executable, "-m", "components.example_gen.road_signs", "--images", "60"]
    subprocess.run([*signs, "--out", str(folder / "data")], cwd=ROOT, check=True, capture_output=True)
    detector = folder / "detector.yaml"
    detector.write_text(
        f"""name: {name}
model: {{ pipeline_config: {config}, checkpoint: {source.checkpoint} }}
data: {{ train: data/train, eval: data/eval, label_map: data/label_map.pbtxt }}
train: {{ steps: {STEPS}, checkpoint_every_steps: 2, train_batch_norm: true }}
gate: {{ floor: 0.0, drop: null }}
"""
    )
    return detector


def start(detector: Path, home: Path, *options: str) -> subprocess.Popen[str]:
    """`upcycle run` as a process group of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "run", str(detector), *options],
        cwd=ROOT,
        env=os.environ | {"UPCYCLE_HOME": str(home), "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def saved_steps(home: Path) -> list[int]:
    """Of the training's checkpoints."""
    return sorted(int(file.stem.split("-")[1]) for file in home.glob("**/checkpoints/step-*.index"))


def read_training(home: Path) -> dict[str, Any]:
    """The one training.json below the home."""
    (file,) = home.glob("**/training.json")
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_run_that_is_killed_while_it_trains_and_resumed(name: str, tmp_path: Path) -> None:
    detector, home = write_inputs(name, tmp_path), tmp_path / "home"
    killed = start(detector, home)
    deadline = time.monotonic() + 1200
    while not saved_steps(home):
        assert killed.poll() is None, killed.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate()
    saved = saved_steps(home)[-1]
    assert saved < STEPS, "killed too late to resume anything"

    resumed = start(detector, home, "--resume")
    output = resumed.communicate(timeout=1500)[0]
    assert resumed.returncode == 0, output
    training = read_training(home)
    assert training["resumed_from"] == saved and training["steps"] == STEPS
    assert [row["step"] for row in training["history"]] == list(range(1, STEPS + 1))
    summary = json.loads((home / name / "summary.json").read_text(encoding="utf-8"))
    assert summary["conversion"]["proof"]["passed"]
    assert summary["published"]["version"] == 1
