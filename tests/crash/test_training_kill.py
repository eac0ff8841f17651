"""Kill a training at any moment; it ends at its last step, and as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

if TYPE_CHECKING:
    from tests.components.trainer.conftest import Training

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}
HERE = Path(__file__).parent
STEPS = 60  # of training_worker
KILLED, INTERRUPTED, SAVED = -9, 130, 1


def test_a_checkpoint_whose_write_is_killed_leaves_the_one_before(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "checkpoint_writer.py"), str(tmp_path), "5"]
    process = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert process.returncode == 0, process.stderr
    first, *found = [json.loads(line) for line in process.stdout.splitlines()]
    assert first["step"] is None and first["files"] == []
    assert len(found) == 4 and sum(one["half_written"] for one in found) >= 2
    steps = [one["step"] for one in found]
    assert steps == sorted(steps) and steps[0] >= 1
    for one in found:
        assert one["lowest"] == one["highest"] == one["step"] == one["history"][-1]
        assert one["history"] == list(range(1, one["step"] + 1))
        kept = {f"step-{step}" for step in (one["step"] - 1, one["step"]) if step}
        assert {name.partition(".")[0] for name in one["files"]} == kept | {"checkpoint"}
        assert len(one["files"]) == 3 * len(kept) + 1


class Worker:
    """Runs attempts at one training after another, see training_worker."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "training_worker.py")],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, out: Path, **death: Any) -> int:
        """The exit code of an attempt that ends in `death`."""
        assert self._process.stdin and self._process.stdout
        attempt = {"root": str(self._root), "out": str(out), "log": str(out.with_suffix(".log")), **death}
        self._process.stdin.write(json.dumps(attempt) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture
def worker(training: Training) -> Iterator[Worker]:
    worker = Worker(training.root)
    yield worker
    worker.close()


def last_checkpoint(out: Path) -> int:
    """The step of the last checkpoint that TensorFlow lists, 0 if none."""
    latest = tf.train.latest_checkpoint(str(out / "work" / "checkpoints"))
    return int(latest.rpartition("-")[2]) if latest else 0


def weights(out: Path) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(out / "model" / "checkpoint" / "ckpt-1"))
    return {name: np.asarray(reader.get_tensor(name)) for name in reader.get_variable_to_dtype_map()}


@pytest.mark.slow
def test_killed_again_and_again_ends_as_if_never_killed(worker: Worker, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "killed"
    assert worker.run(whole) == 0
    chance = random.Random(7)

    def some_time() -> float:
        return chance.uniform(0.0, 0.6)

    attempts: list[tuple[int, dict[str, Any]]] = [
        (SAVED, {"at": "first_step", "after": 0.0, "signal": "SIGTERM", "times": 2}),
        (KILLED, {"at": "checkpoint", "signal": "SIGKILL"}),
        (SAVED, {"at": "validation", "signal": "SIGTERM"}),
        (KILLED, {"at": "validation", "signal": "SIGKILL"}),
        (KILLED, {"at": "first_step", "after": some_time(), "signal": "SIGKILL"}),
        (INTERRUPTED, {"at": "first_step", "after": some_time(), "signal": "SIGINT"}),
        (SAVED, {"at": "first_step", "after": some_time(), "signal": "SIGTERM"}),
        (KILLED, {"at": "first_step", "after": some_time(), "signal": "SIGKILL"}),
        (KILLED, {"at": "checkpoint", "signal": "SIGKILL"}),
        (KILLED, {"at": "export", "number": 1, "signal": "SIGKILL"}),
        (KILLED, {"at": "export", "number": 3, "signal": "SIGKILL"}),
        (KILLED, {"at": "saved_model", "signal": "SIGKILL"}),
    ]
    step = 0
    for number, (code, death) in enumerate(attempts):
        assert worker.run(out, **death) == code, (death, out.with_suffix(".log").read_text())
        assert last_checkpoint(out) >= step, "a checkpoint was lost"
        step = last_checkpoint(out)
        assert step > 0 or number == 0
        if death["at"] not in ("export", "saved_model"):
            assert step < STEPS, "the training ended before it could be killed"
            assert not (out / "model").exists()
    assert step == STEPS
    assert worker.run(out) == 0

    log = out.with_suffix(".log").read_text()
    assert log.count(f"resuming at step {STEPS}/{STEPS}") == 3  # exports without training
    assert_same_training(out, whole)
    assert not [path for path in out.rglob("*") if path.name.endswith("_temp") or path.name.startswith(".")]
    best = json.loads((out / "model" / "training.json").read_text())["exported_step"]
    assert {path.stem for path in (out / "work" / "best").glob("*.index")} == {f"step-{best}"}
    names = {path.name for path in (whole / "model").rglob("*")}
    assert {path.name for path in (out / "model").rglob("*")} == names


def assert_same_training(out: Path, whole: Path) -> None:
    """Steps, curves and exported weights are those of a training that nobody killed."""
    found, wanted = (json.loads((one / "model" / "training.json").read_text()) for one in (out, whole))
    for name in ("steps", "exported_step", "exported_weights", "stopped_early"):
        assert found[name] == wanted[name]
    assert [row["step"] for row in found["history"]] == list(range(1, STEPS + 1))
    for row, uninterrupted in zip(found["history"], wanted["history"], strict=True):
        assert row == pytest.approx(uninterrupted, rel=1e-5, abs=1e-7)
    assert [row["step"] for row in found["history"] if "eval_mAP" in row] == [*range(7, STEPS, 7), STEPS]
    expected = weights(whole)
    for name, value in weights(out).items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(value, expected[name], atol=1e-6, err_msg=name)
