"""kill -9 in the middle of a training: the retry goes on and ends at exactly the last step."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Training

REPOSITORY = Path(__file__).parents[3]
STEPS = 60
PROGRAM = f"""
import sys
from pathlib import Path
from components.trainer.fit import train
from components.trainer.job import TrainingPaths
from components.trainer.options import TrainOptions
from detection.config.pipeline_config import read_pipeline_config
root, out = Path(sys.argv[1]), Path(sys.argv[2])
train(
    read_pipeline_config(root / "pipeline.config"),
    TrainingPaths(
        root / "converted", [root / "train.tfrecord.gz"], [], root / "label_map.pbtxt",
        out / "model", out / "work", out / "logs",
    ),
    TrainOptions(steps={STEPS}, checkpoint_every_steps=5),
)
"""


def start(training: Training, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(training.root), str(out)]
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)


def last_checkpoint(out: Path) -> int:
    return max((int(file.stem.split("-")[1]) for file in out.glob("work/checkpoints/*.index")), default=0)


@pytest.mark.slow
def test_killed_training_ends_at_the_last_step(training: Training, tmp_path: Path) -> None:
    process = start(training, tmp_path)
    deadline = time.monotonic() + 300
    while last_checkpoint(tmp_path) < 10 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert process.returncode == -9, "the training ended before it could be killed"
    killed_at = last_checkpoint(tmp_path)
    assert 10 <= killed_at < STEPS
    assert not (tmp_path / "model").exists()

    retry = start(training, tmp_path)
    output, _ = retry.communicate(timeout=300)
    assert retry.returncode == 0
    assert "\nresuming at step " in output
    report = json.loads((tmp_path / "model" / "training.json").read_text())
    assert report["steps"] == STEPS and report["resumed_from"] >= killed_at - 5
    assert [row["step"] for row in report["history"]] == list(range(1, STEPS + 1))
    assert (tmp_path / "model" / "saved_model" / "saved_model.pb").is_file()
