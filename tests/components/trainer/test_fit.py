"""A whole training: its outputs, and that an interrupted one ends where an uninterrupted one ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.callbacks import Saver
from components.trainer.options import TrainOptions
from components.trainer.state import exclusive
from components.trainer.trainable import DetectorTrainer
from detection.errors import BadInput, Failed

if TYPE_CHECKING:
    from conftest import Training

Weights = Callable[[Path], dict[str, np.ndarray]]

OPTIONS = TrainOptions(checkpoint_every_steps=3, eval_every_steps=4)
# Threads add floats in any order.
TOLERANCE = 1e-5


def scalars(log_dir: Path) -> dict[str, list[int]]:
    """Steps of each scalar in the TensorBoard events."""
    steps: dict[str, list[int]] = {}
    for file in sorted(log_dir.glob("events*")):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                steps.setdefault(value.tag, []).append(event.step)
    return steps


@pytest.fixture(scope="module")
def trained(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of an uninterrupted training of 8 steps."""
    out = tmp_path_factory.mktemp("trained")
    training.run(out, OPTIONS)
    return out


def test_outputs(trained: Path, training: Training) -> None:
    report = json.loads((trained / "training.json").read_text())
    assert report["steps"] == 8 and report["resumed_from"] is None
    assert [row["step"] for row in report["history"]] == list(range(1, 9))
    assert [row["step"] for row in report["history"] if "eval_loss" in row] == [4, 8]
    assert report["history"][7]["eval_loss"] < report["history"][3]["eval_loss"]
    assert report["learning_rate"] == pytest.approx(0.003)
    assert report["train_images"] == 22 and report["eval_images"] == 6
    assert report["augmentations"] == ["random_horizontal_flip"]
    assert report["not_applied"] == [
        "data_augmentation_options.random_jitter_boxes",
        "optimizer.use_moving_average",
    ]
    assert (trained / "label_map.pbtxt").read_text() == (training.root / "label_map.pbtxt").read_text()
    assert (trained / "pipeline.config").read_text() == (training.root / "pipeline.config").read_text()
    logged = scalars(trained / "logs")
    assert logged["loss"] == list(range(1, 9)) and logged["eval_loss"] == [4, 8]


def test_saved_model_detects(trained: Path) -> None:
    serve = tf.saved_model.load(str(trained / "saved_model")).signatures["serving_default"]
    detections = serve(input_tensor=tf.zeros([2, 50, 70, 3], tf.uint8))
    assert detections["detection_boxes"].shape == (2, 10, 4)


def test_batch_norm_is_frozen_and_the_rest_trained(
    trained: Path, training: Training, weights_of: Weights
) -> None:
    before, after = weights_of(training.root / "converted"), weights_of(trained)
    moved = {name for name in after if not np.array_equal(before[name], after[name])}
    assert not {name for name in moved if "moving_" in name}
    assert {name for name in moved if name.endswith("ClassPredictor/kernel")}
    assert any("FeatureExtractor" in name and name.endswith("kernel") for name in moved)


def test_terminated_training_resumes_and_ends_at_the_same_weights(
    trained: Path,
    training: Training,
    tmp_path: Path,
    weights_of: Weights,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Saver.on_train_batch_end

    def terminated_at_step_5(self: Saver, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        if self._state.step == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        original(self, batch, logs)

    handler = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(Saver, "on_train_batch_end", terminated_at_step_5)
    with pytest.raises(Failed, match="saved step 5 of 8") as error:
        training.run(tmp_path, OPTIONS)
    assert error.value.exit_code == 1
    assert signal.getsignal(signal.SIGTERM) == handler
    assert not (tmp_path / "training.json").exists()

    monkeypatch.undo()
    result = training.run(tmp_path, OPTIONS)
    assert result.resumed_from == 5 and result.steps == 8
    expected = json.loads((trained / "training.json").read_text())["history"]
    assert [row["step"] for row in result.history] == [row["step"] for row in expected]
    for row, uninterrupted in zip(result.history, expected, strict=True):
        assert row["loss"] == pytest.approx(uninterrupted["loss"], rel=TOLERANCE)
    uninterrupted_weights, weights = weights_of(trained), weights_of(tmp_path)
    for name, value in weights.items():
        np.testing.assert_allclose(value, uninterrupted_weights[name], atol=TOLERANCE, err_msg=name)


def test_finished_training_is_not_trained_again(trained: Path, training: Training, tmp_path: Path) -> None:
    again = training.run(tmp_path, OPTIONS, trained / "work")
    assert again.resumed_from == again.steps == 8
    assert [row["step"] for row in again.history] == list(range(1, 9))
    assert scalars(tmp_path / "logs")["loss"] == list(range(1, 9))


@pytest.mark.slow
def test_step_compiled_with_xla_trains_the_same(
    trained: Path, training: Training, tmp_path: Path, weights_of: Weights
) -> None:
    result = training.run(tmp_path, TrainOptions(steps=2, eval_every_steps=2, jit_compile=True))
    wanted = json.loads((trained / "training.json").read_text())["history"][:2]
    assert result.steps == 2 and "eval_loss" in result.history[1]
    for row, uncompiled in zip(result.history, wanted, strict=True):
        assert row["loss"] == pytest.approx(uncompiled["loss"], rel=1e-5)
    before, after = weights_of(training.root / "converted"), weights_of(tmp_path)
    assert any(
        name.endswith("ClassPredictor/kernel") and (before[name] != after[name]).any() for name in after
    )


def test_whether_xla_compiles_the_step_is_an_option(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[bool] = []

    def fit(self: DetectorTrainer, *args: Any, **settings: Any) -> None:
        compiled.append(self.jit_compile)
        raise Failed("only what fit is asked for is looked at", "tests", "-")

    monkeypatch.setattr(DetectorTrainer, "fit", fit)
    for wanted in (False, True):
        with pytest.raises(Failed, match="only what"):
            training.run(tmp_path / str(wanted), TrainOptions(jit_compile=wanted))
    assert compiled == [False, True]


def test_pattern_that_freezes_nothing_is_bad_input(training: Training, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="matches no variable"):
        training.run(tmp_path, TrainOptions(freeze=["MobilenetV3"]))


def test_missing_checkpoint_is_bad_input(training: Training, tmp_path: Path) -> None:
    for name in ("train.tfrecord.gz", "eval.tfrecord.gz"):
        (tmp_path / name).symlink_to(training.root / name)
    with pytest.raises(BadInput, match="no converted checkpoint to start from"):
        type(training)(tmp_path, training.config).run(tmp_path / "out")


def test_two_processes_do_not_share_a_working_directory(tmp_path: Path) -> None:
    with (
        exclusive(tmp_path / "work"),
        pytest.raises(Failed, match="another process"),
        exclusive(tmp_path / "work"),
    ):
        pass
    with exclusive(tmp_path / "work"):
        pass
