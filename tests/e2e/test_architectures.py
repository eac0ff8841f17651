"""Whole runs of detectors beyond the native SSD: killed while training, resumed, evaluated, published."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.context_records import write_context_records
from tests.e2e.drawn_objects import NAMES, write_coco
from tests.parity.od_api import write_detector
from tests.parity.od_api_configs import faster_rcnn
from tests.parity.od_api_shim_configs import ALL_CONFIGS, CONTEXT

ROOT = Path(__file__).resolve().parents[2]
STEPS = 12
MASK_RCNN = "mask_rcnn_inception_v2"
CONTEXT_RCNN = "context_rcnn_inception_v2"
SPAGHETTINET = "ssd_spaghettinet_s"
# all but the last by the OD API's own code
ARCHITECTURES = ("rfcn_resnet101", MASK_RCNN, CONTEXT_RCNN, SPAGHETTINET, "faster_rcnn_inception_v2")
MODELS = ALL_CONFIGS | {CONTEXT_RCNN: faster_rcnn("faster_rcnn_inception_v2", rpn=CONTEXT)}
TRAINING = """
train_config {
  batch_size: 1 num_steps: 2000 gradient_clipping_by_norm: 10
  optimizer { momentum_optimizer {
    learning_rate { constant_learning_rate { learning_rate: 0.001 } } momentum_optimizer_value: 0.9
  } }
}
"""

pytestmark = pytest.mark.slow


def write_inputs(name: str, folder: Path) -> Path:
    """A TF1 checkpoint of random weights, pictures, and the YAML that names them."""
    model = MODELS[name]
    if name == MASK_RCNN:  # so many that some are on the objects, whatever random weights think of them
        model = model.replace("max_proposals: 30", "max_proposals: 200")
    source = write_detector(model, folder / "tf1")
    config = folder / "pipeline.config"
    config.write_text(source.config.read_text() + TRAINING)
    _write_data(folder / "data", name)
    detector, masks = folder / "detector.yaml", str(name == MASK_RCNN).lower()
    detector.write_text(
        f"""name: {name}
model: {{ pipeline_config: {config}, checkpoint: {source.checkpoint} }}
data: {{ train: data/train, eval: data/eval, label_map: data/label_map.pbtxt, masks: {masks} }}
train: {{ steps: {STEPS}, checkpoint_every_steps: 2, train_batch_norm: true }}
gate: {{ floor: 0.0, drop: null }}
"""
    )
    return detector


def _write_data(folder: Path, name: str) -> None:
    """Two splits and a label map: COCO's with masks, TFRecords with context, else signs as Pascal VOC."""
    write = {MASK_RCNN: write_coco, CONTEXT_RCNN: write_context_records}.get(name)
    if write is None:
        signs = [sys.executable, "-m", "components.example_gen.road_signs", "--images", "60"]
        subprocess.run([*signs, "--out", str(folder)], cwd=ROOT, check=True, capture_output=True)
        return
    folder.mkdir()
    write(folder / "train", 30, seed=1)
    write(folder / "eval", 8, seed=2)
    items = [f"item {{ id: {number} name: '{name}' }}" for number, name in enumerate(NAMES, start=1)]
    (folder / "label_map.pbtxt").write_text("\n".join(items))


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
    if name == MASK_RCNN:
        assert all(math.isfinite(row["mask_loss"]) for row in training["history"])
        assert any(row["mask_loss"] > 0 for row in training["history"])
        check_masks_in_the_evaluation(home)
    if name == CONTEXT_RCNN:
        assert "10 of 30 training images have no context features" in output
        assert "10 training images have more context features than max_num_context_features" in output
        check_context_in_the_evaluation(home)


def read_evaluation(home: Path) -> tuple[dict[str, Any], str]:
    """The one metrics.json below the home, and the report beside it."""
    (metrics,) = home.glob("**/evaluation/*/metrics.json")
    report = metrics.with_name("report.html").read_text(encoding="utf-8")
    return json.loads(metrics.read_text(encoding="utf-8")), report


def check_context_in_the_evaluation(home: Path) -> None:
    """Both models were given the memories of the images that have one."""
    evaluation, _ = read_evaluation(home)
    for model in ("candidate", "baseline"):
        assert "6 of 8 images have context features." in evaluation[model]["notes"]


def check_masks_in_the_evaluation(home: Path) -> None:
    """The metrics of the masks, and the masks of the data in the report's pictures."""
    evaluation, report = read_evaluation(home)
    for model in ("candidate", "baseline"):
        assert evaluation[model]["masks"]["groundtruth_boxes"] == 12
        assert 0 <= evaluation[model]["masks"]["mAP_50"] <= 1
    assert "Masks: AP at IoU 0.5" in report
    assert report.count('<path class="chip mask"') >= 6
