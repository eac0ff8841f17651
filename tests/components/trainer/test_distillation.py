"""Distillation from the TF1 model holds the old classes, and leaves no trace of the TF1 model."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.class_head import carry_rows
from components.checkpoint_converter.class_rows import match_classes
from components.checkpoint_converter.report import ClassHead
from components.trainer.devices import select_devices
from components.trainer.distillation import Distillation, build_distillation
from components.trainer.job import TrainingJob
from components.trainer.options import TrainOptions
from components.trainer.saver import Saver
from components.trainer.setup import build_trainer
from components.trainer.trainable import DetectorTrainer
from detection.builder import build_detector
from detection.config.label_map import parse_label_map
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.errors import BadInput
from detection.tf1.names import tf1_name
from detection.weights import write_weights
from tests.components.trainer.inputs import write_class_head
from tests.components.trainer.test_fit_two_stage import CONFIG as TWO_STAGE

if TYPE_CHECKING:
    from conftest import Training

OLD = parse_label_map("item { id: 1 name: 'red' } item { id: 2 name: 'green' }", "old")
NEW = parse_label_map(
    "item { id: 1 name: 'blue' } item { id: 2 name: 'green' } item { id: 3 name: 'red' }", "new"
)


def write_conversion(folder: Path, head: ClassHead, config: Any) -> None:
    """What a conversion leaves of a random model with the old classes, for a model with those of `head`."""
    keras.utils.set_random_seed(3)
    teacher = build_detector(config.model, num_classes=head.classes_before)
    student = build_detector(config.model, num_classes=head.classes_after)
    for variable in teacher.variables:  # so large that features reach the heads, and scores differ
        *size, depth, _ = [1, 1, *variable.shape]
        if variable.path.endswith("kernel"):
            inputs = math.prod(size) * (1 if "depthwise" in variable.path else depth)
            variable.assign(tf.random.normal(variable.shape, stddev=math.sqrt(2.0 / inputs)))
        elif variable.path.endswith("ClassPredictor/bias"):
            variable.assign(tf.random.normal(variable.shape))
    old = {tf1_name(variable.path, teacher.name): variable.numpy() for variable in teacher.variables}
    for variable in student.variables:
        name = tf1_name(variable.path, student.name)
        carried = carry_rows(name, old[name], variable.numpy(), head, None)
        variable.assign(old[name] if carried is None else carried)
    write_weights(teacher, folder / "saved_model" / "variables" / "variables")
    write_weights(student, folder / "checkpoint" / "ckpt-1")
    write_class_head(folder, head)


@pytest.fixture(scope="module")
def retraining(training: Training, tmp_path_factory: pytest.TempPathFactory) -> Training:
    """A training that adds a class before the old ones, which change places."""
    root = tmp_path_factory.mktemp("retraining")
    config = type(training.config)()
    config.CopyFrom(training.config)
    config.model.ssd.num_classes = 3
    write_conversion(root / "converted", match_classes(OLD, NEW, 2, 3), config)
    for shared in ("train.tfrecord.gz", "eval.tfrecord.gz", "label_map.pbtxt"):
        (root / shared).symlink_to(training.root / shared)
    return replace(training, root=root, config=config)


@pytest.fixture(scope="module")
def student(retraining: Training) -> Detector:
    return build_detector(retraining.config.model)


def trainer_of(training: Training, options: TrainOptions) -> tuple[TrainingJob, DetectorTrainer]:
    job = training.job(Path("out"), options)
    return job, build_trainer(job, select_devices(options))


def test_the_start_is_at_no_distance_and_has_no_gradient(retraining: Training) -> None:
    job, trainer = trainer_of(retraining, TrainOptions(keep_old_classes=2.0))
    found = trainer.distillation
    assert isinstance(found, Distillation)
    assert (found.student_ids, found.teacher_ids, found.softmax) == ([2, 3], [2, 1], False)
    images, groundtruth = next(iter(job.training_batches(trainer.detector)))
    with tf.GradientTape() as tape:
        losses = found.compute_losses(images, groundtruth)
    assert set(losses) == {"localization_loss", "classification_loss", "distillation_loss"}
    assert float(losses["distillation_loss"]) == pytest.approx(0.0, abs=1e-6)
    gradients = tape.gradient(
        losses["distillation_loss"], trainer.trained, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    assert float(tf.linalg.global_norm(gradients)) < 1e-5
    wrong = replace(found, student_ids=[1, 2])
    assert float(wrong.compute_losses(images, groundtruth)["distillation_loss"]) > 1e-3
    # a part of a batch counts as such
    for variable in trainer.trained:
        variable.assign(variable.value * 1.05)
    trainer.detector.box_predictors[0].variables[0].assign_add(
        tf.ones_like(trainer.detector.box_predictors[0].variables[0])
    )
    whole = found.compute_losses(images, groundtruth)["distillation_loss"]
    halves = [
        found.compute_losses(
            images[part], {name: rows[part] for name, rows in groundtruth.items()}, images=len(images)
        )["distillation_loss"]
        for part in (slice(0, 2), slice(2, 4))
    ]
    assert float(whole) > 0.01
    np.testing.assert_allclose(sum(halves), whole, rtol=1e-4)


def test_old_classes_move_less_and_the_teacher_does_not(retraining: Training) -> None:
    moved, learned = {}, {}
    for weight in (None, 20.0):
        options = TrainOptions(learning_rate=0.01, restored_rate=1.0, keep_old_classes=weight)
        job, trainer = trainer_of(retraining, options)
        images = next(iter(job.validation_batches(trainer.detector)))[0]
        before = trainer.detector(images)["class_predictions_with_background"]

        def only_new(pictures: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> Any:
            return pictures, {**groundtruth, "classes": tf.minimum(groundtruth["classes"], 1)}

        kept = [] if trainer.distillation is None else trainer.distillation.teacher.get_weights()
        history = trainer.fit(
            job.training_batches(trainer.detector).map(only_new),
            steps_per_epoch=15,
            epochs=2,
            shuffle=False,
            verbose=0,
        ).history
        after = trainer.detector(images)["class_predictions_with_background"]
        change = tf.abs(tf.sigmoid(after) - tf.sigmoid(before))
        moved[weight] = float(tf.reduce_mean(change[..., 2:]))
        learned[weight] = history["classification_loss"]
        if trainer.distillation is not None:
            assert all(map(np.array_equal, kept, trainer.distillation.teacher.get_weights()))
            own = {id(variable) for variable in trainer.detector.variables}
            assert {id(variable) for variable in trainer.variables} == own
            assert "distillation_loss" in history and history["distillation_loss"][-1] > 0.0
    assert moved[20.0] < 0.5 * moved[None]
    assert learned[20.0][-1] < learned[20.0][0]


@pytest.mark.parametrize(("options", "held"), [({}, True), ({"restored_rate": 1.0}, False)])
def test_the_rows_of_a_class_without_objects_are_held(
    retraining: Training, options: dict[str, Any], held: bool
) -> None:
    # the pictures show the ids 1 and 2, blue and green
    job, trainer = trainer_of(retraining, TrainOptions(optimizer="adam", **options))
    assert set(job.train_objects) == {1, 2}

    def rows() -> np.ndarray:
        """Of all class heads: background, blue, green, red."""
        names = {tf1_name(variable.path, trainer.detector.name): variable for variable in trainer.trained}
        values = [names[name].numpy() for name in sorted(names) if "/ClassPredictor/" in name]
        return np.concatenate([value.reshape(-1, 4) for value in values])

    before = rows()
    trainer.fit(job.training_batches(trainer.detector), steps_per_epoch=3, shuffle=False, verbose=0)
    moved = np.abs(rows() - before).max(axis=0)
    assert (moved[3] == 0.0) == held
    assert moved[1] > 0.0 and moved[2] > 0.0


@pytest.mark.slow
def test_two_stages_start_at_no_distance_and_train(retraining: Training, tmp_path: Path) -> None:
    config = parse_pipeline_config(TWO_STAGE, "tests")
    config.model.faster_rcnn.num_classes = 3
    write_conversion(tmp_path / "converted", match_classes(OLD, NEW, 2, 3), config)
    for shared in ("train.tfrecord.gz", "eval.tfrecord.gz", "label_map.pbtxt"):
        (tmp_path / shared).symlink_to(retraining.root / shared)
    two_stage = replace(retraining, root=tmp_path, config=config)
    job, trainer = trainer_of(two_stage, TrainOptions(keep_old_classes=1.0))
    found = trainer.distillation
    assert isinstance(found, Distillation)
    assert (found.student_ids, found.teacher_ids, found.softmax) == ([2, 3], [2, 1], True)
    images, groundtruth = next(iter(job.training_batches(trainer.detector)))
    with tf.GradientTape() as tape:
        losses = found.compute_losses(images, groundtruth)
    alone = trainer.detector.compute_losses(images, groundtruth, training=True)
    for name, value in alone.items():
        assert float(losses[name]) == pytest.approx(float(value), rel=1e-5), name
    assert set(losses) == {*alone, "distillation_loss"}
    assert float(losses["distillation_loss"]) == pytest.approx(0.0, abs=1e-5)
    gradients = tape.gradient(
        losses["distillation_loss"], trainer.trained, unconnected_gradients=tf.UnconnectedGradients.ZERO
    )
    assert float(tf.linalg.global_norm(gradients)) < 1e-4
    wrong = replace(found, student_ids=[1, 2])
    assert float(wrong.compute_losses(images, groundtruth)["distillation_loss"]) > 1e-3
    history = trainer.fit(
        job.training_batches(trainer.detector), steps_per_epoch=1, epochs=3, shuffle=False, verbose=0
    ).history["distillation_loss"]
    assert history[0] == pytest.approx(0.0, abs=1e-5) and np.isfinite(history).all() and history[-1] > 0.0


@pytest.mark.slow
def test_a_killed_training_goes_on_and_leaves_no_teacher_behind(
    retraining: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = TrainOptions(steps=6, checkpoint_every_steps=2, keep_old_classes=5.0)
    uninterrupted = retraining.run(tmp_path / "uninterrupted", options)
    original = Saver.on_train_batch_end

    def killed(self: Saver, batch: int, logs: Any = None) -> None:
        original(self, batch, logs)
        if batch == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Saver, "on_train_batch_end", killed)
    with pytest.raises(KeyboardInterrupt):
        retraining.run(tmp_path / "killed", options)
    monkeypatch.undo()
    resumed = retraining.run(tmp_path / "killed", options)
    assert (resumed.resumed_from, resumed.steps) == (4, 6)
    for row, expected in zip(resumed.history, uninterrupted.history, strict=True):
        assert row["distillation_loss"] == pytest.approx(expected["distillation_loss"], rel=1e-3, abs=1e-6)
    detector = build_detector(retraining.config.model)
    values = len(detector.variables)
    checkpoint = tf.train.list_variables(str(tmp_path / "killed" / "checkpoint" / "ckpt-1"))
    assert len([name for name, _ in checkpoint if name.endswith("VARIABLE_VALUE")]) == values
    served = tf.saved_model.load(str(tmp_path / "killed" / "saved_model"))
    assert len(served.signatures["serving_default"].variables) <= values
    # without the loss it is another training
    without = options.model_copy(update={"keep_old_classes": None})
    identities = {retraining.job(tmp_path, each).identity() for each in (options, without)}
    assert len(identities) == 2


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (match_classes(None, NEW, 2, 3), "no class of the TF1 model"),
        (match_classes(OLD, parse_label_map("item { id: 1 name: 'x' }", "x"), 2, 1), "no class of the TF1"),
        (ClassHead(how="none", classes_before=3, classes_after=3, rows=[], left_behind=[]), "a classifier"),
    ],
)
def test_nothing_to_hold_on_to_is_bad_input(
    retraining: Training, student: Detector, tmp_path: Path, head: ClassHead, words: str
) -> None:
    job = retraining.job(tmp_path, TrainOptions(keep_old_classes=1.0))
    assert job.conversion is not None
    job = replace(job, conversion=job.conversion.model_copy(update={"class_head": head}))
    with pytest.raises(BadInput, match=words) as error:
        build_distillation(job, student)
    assert error.value.where == "train.keep_old_classes"


def test_a_model_without_a_report_has_no_old_classes(
    training: Training, student: Detector, tmp_path: Path
) -> None:
    job = training.job(tmp_path, TrainOptions(keep_old_classes=1.0))
    with pytest.raises(BadInput, match="no report of the conversion") as error:
        build_distillation(job, student)
    assert error.value.where == str(training.root / "converted" / "report.json")


def test_scores_that_are_no_probabilities_are_bad_input(
    retraining: Training, student: Detector, tmp_path: Path
) -> None:
    job = retraining.job(tmp_path, TrainOptions(keep_old_classes=1.0))
    job.config.model.ssd.post_processing.score_converter = 0
    try:
        with pytest.raises(BadInput, match="IDENTITY gives none"):
            build_distillation(job, student)
    finally:
        job.config.model.ssd.post_processing.score_converter = 1
