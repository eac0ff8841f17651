"""What a training leaves: models of the best and the last step, and what is inside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import tensorflow as tf

from components.trainer import export as export_module
from components.trainer.devices import select_devices
from components.trainer.export import write_other_step, write_outputs
from components.trainer.fit import train
from components.trainer.hyper_parameters import HyperParameters, Setting
from components.trainer.job import TrainingJob
from components.trainer.options import ExportOptions, TrainOptions
from components.trainer.results import TrainingResult
from components.trainer.setup import build_trainer
from components.trainer.state import TrainingState
from components.trainer.trainable import DetectorTrainer
from detection.builder import build_detector
from detection.detector import Detector
from detection.errors import BadInput
from detection.weights import read_weights

if TYPE_CHECKING:
    from conftest import Training

GREY = tf.fill([1, 64, 80, 3], tf.constant(90, tf.uint8))
SETTINGS = HyperParameters(settings={"steps": Setting(value=8, source="pipeline.config")})


def result_of(job: TrainingJob) -> TrainingResult:
    """A result that a training of `job` could have."""
    return TrainingResult(
        steps=8,
        batch_size=job.batch_size,
        history=[{"step": 8, "loss": 1.0, "eval_loss": 1.5}],
        seconds=2.0,
        images_per_second=16.0,
        learning_rate=0.003,
        resumed_from=None,
        exported_step=8,
        exported_weights="values",
        stopped_early=False,
        train_images=job.train_images,
        eval_images=job.eval_images,
        variables_trained=80,
        variables_frozen=0,
        augmentations=[],
        not_applied=[],
        device="CPU",
        search=None,
        sweep=None,
    )


@pytest.fixture(scope="module")
def detector(training: Training) -> Detector:
    built = build_detector(training.config.model)
    read_weights(built, training.root / "converted" / "checkpoint" / "ckpt-1")
    return built


@pytest.fixture
def job(training: Training, tmp_path: Path) -> TrainingJob:
    return replace(
        training.job(tmp_path / "out", TrainOptions()),
        export=ExportOptions(tflite=["float16"], licence="Apache-2.0"),
    )


def test_an_export_that_was_killed_is_written_whole_by_a_retry(
    job: TrainingJob, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = job.paths.out

    def killed(_: Detector, directory: Path) -> None:
        for file in (directory / "saved_model.pb", directory / "assets.extra" / "old"):
            file.parent.mkdir(parents=True)
            file.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(export_module, "export_saved_model", killed)
        write_outputs(job, detector, result_of(job), SETTINGS)
    assert not (out / "training.json").exists()
    (out / "tflite" / "tmp_of_the_killed").mkdir(parents=True)
    (out / "tflite" / "model_float16.tflite").write_bytes(b"half")

    write_outputs(job, detector, result_of(job), SETTINGS)
    assert {path.name for path in out.iterdir()} == {
        "saved_model",
        "checkpoint",
        "tflite",
        "pipeline.config",
        "label_map.pbtxt",
        "model_card.md",
        "training.json",
    }
    assert {path.name for path in (out / "tflite").iterdir()} == {
        "model_float16.tflite",
        "labels.txt",
        "metadata.json",
    }
    assert (out / "tflite" / "model_float16.tflite").stat().st_size > 10_000
    extra = out / "saved_model" / "assets.extra"
    assert (extra / "label_map.pbtxt").read_bytes() == job.paths.label_map.read_bytes()
    metadata = json.loads((extra / "metadata.json").read_text())
    assert metadata["architecture"] == "ssd_mobilenet_v1" and metadata["step"] == 8
    assert metadata["classes"] == {"1": "red", "2": "green"}
    assert metadata["image_resizer"] == "fixed_shape_resizer { height: 64 width: 64 }"
    assert (metadata["train_images"], metadata["eval_images"]) == (22, 6)

    shutil.rmtree(extra)  # the model needs none of it
    served = tf.saved_model.load(str(out / "saved_model")).signatures["serving_default"](input_tensor=GREY)
    for name, value in detector.detect(GREY).items():
        np.testing.assert_allclose(served[name], value, atol=2e-5, err_msg=name)


def test_a_model_that_tflite_can_not_run_is_refused_before_the_training(
    training: Training, tmp_path: Path
) -> None:
    config = type(training.config)()
    config.CopyFrom(training.config)
    config.model.ssd.post_processing.batch_non_max_suppression.soft_nms_sigma = 0.5
    with pytest.raises(BadInput) as refused:
        train(config, training.paths(tmp_path), TrainOptions(), ExportOptions(tflite=["int8"]))
    assert "export.tflite" in refused.value.where
    assert not (tmp_path / "saved_model").exists()
    assert not list((tmp_path / "work").glob("checkpoints/*"))


def step_of(saved_model: Path) -> int:
    """The step that a SavedModel says it is of."""
    return int(json.loads((saved_model / "assets.extra" / "metadata.json").read_text())["step"])


def raw_boxes(saved_model: Path) -> np.ndarray:
    served = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    return served(input_tensor=GREY)["raw_detection_boxes"].numpy()


@pytest.fixture(scope="module")
def trainer(training: Training, tmp_path_factory: pytest.TempPathFactory) -> DetectorTrainer:
    options = TrainOptions()
    job = training.job(tmp_path_factory.mktemp("trainer"), options)
    return build_trainer(job, select_devices(options))


@pytest.mark.parametrize(("keep", "beside"), [("best", ("last", 2)), ("last", ("best", 1))])
def test_of_best_and_last_the_other_step_is_written(
    keep: Literal["best", "last"],
    beside: tuple[str, int],
    training: Training,
    trainer: DetectorTrainer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job = training.job(tmp_path, TrainOptions(keep=keep, eval_every_steps=1))
    detector = trainer.detector
    state = TrainingState(tmp_path / "work", detector, trainer.optimizer, job.identity(), keep=keep)
    bias = next(
        variable for variable in detector.variables if variable.path.endswith("BoxEncodingPredictor/bias")
    )
    for step, loss in ((1, 1.0), (2, 2.0)):
        bias.assign(tf.fill(bias.shape, float(step)))
        trainer.optimizer.iterations.assign(step)
        state.history.append({"step": step, "eval_loss": loss})
        state.save_best()
        state.save()
    name, step = beside
    written: dict[Path, float] = {}

    def note(model: Detector, directory: Path) -> None:
        directory.mkdir(parents=True)
        written[directory] = float(bias.numpy().min())

    monkeypatch.setattr(export_module, "export_saved_model", note)
    write_other_step(job, state, "values", lambda: detector)
    assert written == {tmp_path / name / "saved_model": step}
    assert step_of(tmp_path / name / "saved_model") == step
    assert state.load_exported() == bias.numpy().min() == (1 if keep == "best" else 2)

    state.history[-1]["eval_loss"] = 0.5  # the last is the best
    state.save_best()
    shutil.rmtree(tmp_path / name)
    write_other_step(job, state, "values", lambda: detector)
    assert not (tmp_path / name).exists()


@pytest.mark.slow
@pytest.mark.parametrize("keep", ["best", "last"])
def test_best_and_last_are_exported(
    keep: Literal["best", "last"], training: Training, tmp_path: Path
) -> None:
    # The second step is ten times the first and goes far astray.
    options = TrainOptions(
        steps=2, eval_every_steps=1, keep=keep, schedule="cosine", warmup_steps=1, learning_rate=5.0
    )
    result = training.run(tmp_path, options)
    best, last = (tmp_path / name / "saved_model" for name in ("best", "last"))
    chosen = tmp_path / "saved_model"
    if keep == "best":
        assert (result.exported_step, step_of(chosen), step_of(last)) == (1, 1, 2)
        assert not best.exists()
    else:
        assert (result.exported_step, step_of(chosen), step_of(best)) == (2, 2, 1)
        assert not last.exists()
    detector = build_detector(training.config.model)
    read_weights(detector, tmp_path / "checkpoint" / "ckpt-1")
    exported = detector.detect(GREY)["raw_detection_boxes"]
    np.testing.assert_allclose(raw_boxes(chosen), exported, atol=1e-5)
    other = last if keep == "best" else best
    assert np.abs(raw_boxes(other) - exported).max() > 1e-3
