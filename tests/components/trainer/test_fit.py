"""A whole training: its outputs, and that an interrupted one ends where an uninterrupted one ends."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.dataset import make_eval_dataset
from components.trainer.job import TrainingPaths, make_job
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.saver import Saver
from components.trainer.state import TrainingState, exclusive
from components.trainer.trainable import DetectorTrainer
from components.trainer.validation import Validation, ValidationResult
from detection.builder import build_detector
from detection.config.label_map import read_label_map
from detection.errors import BadInput, Failed
from detection.weights import read_weights

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
    assert report["not_applied"] == []
    assert report["exported_step"] == 8 and report["exported_weights"] == "values"
    assert report["stopped_early"] is False
    assert (trained / "label_map.pbtxt").read_text() == (training.root / "label_map.pbtxt").read_text()
    assert (trained / "pipeline.config").read_text() == (training.root / "pipeline.config").read_text()
    settings = json.loads((trained / "hyper_parameters.json").read_text())["settings"]
    assert settings["steps"] == {"value": 8, "source": "pipeline.config"}
    logged = scalars(trained / "logs")
    curves = ("loss", "localization_loss", "learning_rate", "gradient_norm", "images_per_second")
    assert all(logged[name] == list(range(1, 9)) for name in curves)
    assert all(
        logged[name] == [4, 8]
        for name in ("eval_loss", "eval_classification_loss", "eval_mAP", "eval_mAP_50", "eval_mAP_75")
    )
    assert [logged[f"training/{number}"] for number in (1, 2, 3, 4)] == [[0]] * 4
    assert [logged[f"validation/{number}"] for number in (1, 2, 3, 4)] == [[4, 8]] * 4


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


def with_averages(training: Training, decay: float, *, evaluated: bool = True) -> Training:
    """The same training with moving averages, which the exporter takes if `evaluated`."""
    config = type(training.config)()
    config.CopyFrom(training.config)
    config.train_config.optimizer.use_moving_average = True
    config.train_config.optimizer.moving_average_decay = decay
    config.eval_config.use_moving_averages = evaluated
    return replace(training, config=config)


@pytest.mark.slow
def test_averages_are_exported_where_tf1_would_and_survive_a_kill(
    trained: Path,
    training: Training,
    tmp_path: Path,
    weights_of: Weights,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decay, values = 0.5, []
    original = Saver.on_train_batch_end

    def recorded(self: Saver, batch: int, logs: dict[str, tf.Tensor] | None = None) -> None:
        values.append({variable.path: variable.numpy() for variable in self.model.trained})
        original(self, batch, logs)
        if self._state.step == 5 and not (tmp_path / "killed").exists():
            (tmp_path / "killed").touch()
            raise KeyboardInterrupt

    monkeypatch.setattr(Saver, "on_train_batch_end", recorded)
    averaged = with_averages(training, decay)
    with pytest.raises(KeyboardInterrupt):
        averaged.run(tmp_path, OPTIONS)
    del values[3:]  # the checkpoint is of step 3
    result = averaged.run(tmp_path, OPTIONS)
    assert (result.resumed_from, result.exported_step, result.exported_weights) == (3, 8, "averages")

    expected = weights_of(training.root / "converted")
    plain, exported = weights_of(trained), weights_of(tmp_path)
    for step in values:
        for name, value in step.items():
            expected[name] = decay * expected[name] + (1 - decay) * value
    for name, value in exported.items():
        np.testing.assert_allclose(value, expected[name], atol=TOLERANCE, err_msg=name)
        if name in values[-1]:  # training itself takes no notice of averages
            np.testing.assert_allclose(values[-1][name], plain[name], atol=TOLERANCE, err_msg=name)
    # evaluated is what would be exported
    history = json.loads((trained / "training.json").read_text())["history"]
    assert result.history[-1]["eval_loss"] != pytest.approx(history[-1]["eval_loss"], rel=1e-4)
    again = DetectorTrainer(build_detector(training.config.model), [])
    read_weights(again.detector, tmp_path / "checkpoint" / "ckpt-1")
    dataset = make_eval_dataset(
        [training.root / "eval.tfrecord.gz"], again.detector.preprocess, 4, num_examples=6
    )
    validated = Validation(again, dataset, read_label_map(training.root / "label_map.pbtxt")).run()
    assert validated and result.history[-1]["eval_loss"] == pytest.approx(
        validated.values["eval_loss"], rel=1e-4
    )


@pytest.mark.slow
def test_best_step_is_exported_after_a_kill_and_an_early_stop(
    training: Training, tmp_path: Path, weights_of: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A loss that is lowest at step 4; then the process is killed twice: with a better step that no checkpoint
    # knows of, and between the early stop and the export.
    eval_losses = {2: 3.0, 4: 1.0, 6: 2.0, 8: 2.5, 10: 0.1}
    weights: dict[int, dict[str, np.ndarray]] = {}
    options = TrainOptions(
        steps=40,
        eval_every_steps=2,
        checkpoint_every_steps=3,
        keep="best",
        stop_after_evals_without_gain=2,
    )

    def scripted(self: Validation, end_asked: Any) -> ValidationResult:
        model = self._trainer
        step = int(model.optimizer.iterations)
        weights[step] = {variable.path: variable.numpy() for variable in model.detector.weights}
        return ValidationResult({"eval_loss": eval_losses[step]}, [], [])

    def killed(*args: Any, **settings: Any) -> None:
        raise KeyboardInterrupt

    original = TrainingState.save_best

    def killed_at_4(self: TrainingState) -> None:
        original(self)
        if self.step == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Validation, "run", scripted)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "save_best", killed_at_4)
        with pytest.raises(KeyboardInterrupt):
            training.run(tmp_path, options)
    best = tmp_path / "work" / "best"
    assert {file.stem for file in best.glob("*.index")} == {"step-2", "step-4"}  # checkpoint 3 knows of 2
    with monkeypatch.context() as patch:
        patch.setattr(TrainingState, "load_exported", killed)
        with pytest.raises(KeyboardInterrupt):
            training.run(tmp_path, options)
    assert {file.stem for file in best.glob("*.index")} == {"step-4"}
    result = training.run(tmp_path, options)
    assert (result.resumed_from, result.steps, result.exported_step) == (8, 8, 4)
    assert result.stopped_early and [row["step"] for row in result.history] == list(range(1, 9))
    for name, value in weights_of(tmp_path).items():
        np.testing.assert_array_equal(value, weights[4][name], err_msg=name)
    written = json.loads((tmp_path / "training.json").read_text())
    assert (written["exported_step"], written["stopped_early"]) == (4, True)


def test_best_without_evaluation_data_is_bad_input(training: Training, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no validation") as error:
        make_job(
            training.config,
            TrainingPaths(
                converted=training.root / "converted",
                train_files=[training.root / "train.tfrecord.gz"],
                eval_files=[],
                label_map=training.root / "label_map.pbtxt",
                out=tmp_path / "out",
                work=tmp_path / "work",
                logs=tmp_path / "logs",
            ),
            TrainOptions(keep="best", eval_every_steps=2),
            ExportOptions(),
        )
    assert error.value.where == "train.keep"
