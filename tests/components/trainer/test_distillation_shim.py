"""Distillation of models that run the OD API's own code: the native models' numbers, and a whole training."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tensorflow as tf

from components.checkpoint_converter.class_rows import match_classes
from components.trainer.distillation import Distillation
from components.trainer.options import TrainOptions
from detection.builder import build_detector
from detection.config.pipeline_config import parse_pipeline_config
from detection.detector import Detector
from detection.export import export_saved_model
from detection.shim.detector import ShimDetector
from detection.weights import read_weights
from tests.components.trainer.conftest import CONFIG
from tests.components.trainer.test_distillation import NEW, OLD, trainer_of, write_conversion
from tests.components.trainer.test_fit_two_stage import CONFIG as TWO_STAGE
from tests.detection.shim.conftest import make_pair, relative_path

if TYPE_CHECKING:
    from conftest import Training

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # it traces several graphs of each model


def loss_and_gradients(
    student: Detector, teacher: Detector, softmax: bool, inputs: tuple[tf.Tensor, dict[str, tf.Tensor]]
) -> tuple[float, dict[str, Any]]:
    """The distillation loss with its gradient by each variable of the student that has one."""
    student.freeze_batch_norm = teacher.freeze_batch_norm = True
    found = Distillation(
        student=student, teacher=teacher, student_ids=[2, 3], teacher_ids=[2, 1], weight=3.0, softmax=softmax
    )
    variables = student.trainable_variables

    @tf.function(autograph=False)
    def compute() -> tuple[tf.Tensor, list[tf.Tensor | None]]:
        with tf.GradientTape() as tape:
            loss = found.compute_losses(*inputs)["distillation_loss"]
        return loss, tape.gradient(loss, [variable.value for variable in variables])

    loss, gradients = compute()
    names = [relative_path(variable, student) for variable in variables]
    pairs = zip(names, gradients, strict=True)
    return float(loss), {name: gradient for name, gradient in pairs if gradient is not None}


@pytest.mark.parametrize(("config", "softmax"), [(CONFIG, False), (TWO_STAGE, True)])
def test_the_distance_is_the_native_model_s(config: str, softmax: bool) -> None:
    model = parse_pipeline_config(config, "tests").model
    students, teachers = make_pair(model, num_classes=3), make_pair(model, num_classes=2, seed=5)
    images = tf.random.stateless_uniform([1, 64, 80, 3], [1, 2], 0, 255)
    boxes = tf.constant([[[0.1, 0.1, 0.6, 0.5]]])
    groundtruth = {"boxes": boxes, "classes": tf.constant([[2]]), "weights": tf.ones([1, 1])}
    inputs = (students.native.preprocess(images), groundtruth)
    wanted, wanted_gradients = loss_and_gradients(students.native, teachers.native, softmax, inputs)
    loss, gradients = loss_and_gradients(students.shim, teachers.shim, softmax, inputs)
    assert wanted > 0.1
    assert loss == pytest.approx(wanted, rel=1e-4)
    assert gradients.keys() == wanted_gradients.keys()
    for name, value in wanted_gradients.items():
        scale = max(float(tf.reduce_max(tf.abs(value))), 1e-3)
        np.testing.assert_allclose(gradients[name] / scale, value / scale, atol=1e-3, rtol=0, err_msg=name)


def test_a_training_starts_at_no_distance_and_keeps_nothing_of_the_teacher(
    training: Training, tmp_path: Path
) -> None:
    resizer = "keep_aspect_ratio_resizer { min_dimension: 64 max_dimension: 80 }"
    text = CONFIG.replace("fixed_shape_resizer { height: 64 width: 64 }", resizer)
    config = parse_pipeline_config(text.replace("batch_size: 4", "batch_size: 1"), "tests")
    config.model.ssd.num_classes = 3
    converted = tmp_path / "converted"
    write_conversion(converted, match_classes(OLD, NEW, 2, 3), config)
    teacher = build_detector(config.model, num_classes=2)
    assert isinstance(teacher, ShimDetector)
    read_weights(teacher, converted / "saved_model" / "variables" / "variables")
    shutil.rmtree(converted / "saved_model")
    export_saved_model(teacher, converted / "saved_model")  # as the converter leaves it
    for shared in ("train.tfrecord.gz", "eval.tfrecord.gz", "label_map.pbtxt"):
        (tmp_path / shared).symlink_to(training.root / shared)
    options = TrainOptions(steps=3, keep_old_classes=1.0)
    retraining = replace(training, root=tmp_path, config=config)
    _, trainer = trainer_of(retraining, options)
    assert isinstance(trainer.distillation, Distillation)
    assert (trainer.distillation.student_ids, trainer.distillation.teacher_ids) == ([2, 3], [2, 1])
    own = {id(variable) for variable in trainer.detector.variables}
    assert {id(variable) for variable in trainer.variables} == own

    result = retraining.run(tmp_path / "out", options)
    losses = [row["distillation_loss"] for row in result.history]
    assert len(losses) == 3 and losses[0] == pytest.approx(0.0, abs=1e-5)
    assert np.isfinite(losses).all() and losses[-1] > 1e-4
    checkpoint = tf.train.list_variables(str(tmp_path / "out" / "checkpoint" / "ckpt-1"))
    values = len(trainer.detector.variables) + len(trainer.detector.unread_variables())
    assert len([name for name, _ in checkpoint if name.endswith("VARIABLE_VALUE")]) == values
