"""Keeps a detector to what the TF1 model says of its own classes while it learns others.

Learning without forgetting (Li and Hoiem, 2016) as it is done for detectors (Shmelkov et al., 2017; Peng et
al., 2020): the TF1 model sees each training image too, and the detector's distance from its predictions for
the old classes is one more loss. The images need no labels of the old classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf
from google.protobuf.message import Message

from components.checkpoint_converter.report import ClassHead
from components.trainer.job import TrainingJob
from components.trainer.responses import Responses, distance
from detection.builder import build_detector
from detection.context import side_inputs
from detection.detector import Detector, Groundtruth, Tensors
from detection.errors import BadInput
from detection.faster_rcnn import FasterRCNN
from detection.hyperparams import enum_name
from detection.rpn import Proposals
from detection.shim.detector import ShimDetector
from detection.ssd import SSD
from detection.two_stage import TwoStageDetector
from detection.weights import read_weights

_PROPOSALS = 64  # compared in an image: the second stage costs time for each
_WHERE = "train.keep_old_classes"


Distilled: TypeAlias = SSD | FasterRCNN | ShimDetector


@dataclass(frozen=True)
class Distillation:
    """The training losses of `student` with its distance from `teacher`.

    Attributes:
      student: the detector that is trained.
      teacher: the TF1 model with its own classes. It only predicts: nothing of it is trained or saved.
      student_ids, teacher_ids: label map ids of the classes that both have, in the same order.
      weight: of the distance.
      softmax: as for `distance`.
    """

    student: Distilled
    teacher: Distilled
    student_ids: list[int]
    teacher_ids: list[int]
    weight: float
    softmax: bool

    def compute_losses(
        self,
        preprocessed: tf.Tensor,
        groundtruth: Groundtruth,
        *,
        divisor: tf.Tensor | None = None,
        draw: tf.Tensor | int = 0,
        images: tf.Tensor | int | None = None,
    ) -> Tensors:
        """The student's losses in training, as its own compute_losses gives them, and "distillation_loss".

        Both are of the same predictions, which are computed once.

        Args:
          preprocessed: `[B, H, W, 3]` float32.
          groundtruth, divisor, draw: as the student's compute_losses takes them.
          images: how many the batch has that these are a part of; without it, these.
        """
        if isinstance(self.student, ShimDetector):
            losses, found = self.student.losses_and_predictions(preprocessed, groundtruth, divisor=divisor)
        elif isinstance(self.student, SSD):
            found = self.student(preprocessed, training=True)
            losses = self.student.compute_detection_losses(found, groundtruth, divisor)
        else:
            found = self.student.first_stage(preprocessed, training=True)
            losses = self.student.compute_losses(
                preprocessed, groundtruth, training=True, divisor=divisor, draw=draw, first=found
            )
        if isinstance(self.student, TwoStageDetector) and isinstance(self.teacher, TwoStageDetector):
            memory = side_inputs(groundtruth)
            distances = self._between_stages(self.student, self.teacher, preprocessed, found, memory)
        else:
            distances = self._between_anchors(preprocessed, found)
        images = tf.cast(tf.shape(preprocessed)[0] if images is None else images, tf.float32)
        return {**losses, "distillation_loss": self.weight * tf.reduce_sum(distances) / images}

    def _between_anchors(self, preprocessed: tf.Tensor, found: Tensors) -> tf.Tensor:
        wanted = self.teacher(preprocessed, training=False)
        teacher, student = (
            Responses(self._logits(predictions, ids), _float(predictions["box_encodings"])[:, :, tf.newaxis])
            for predictions, ids in ((wanted, self.teacher_ids), (found, self.student_ids))
        )
        return distance(teacher, student, softmax=self.softmax)

    def _between_stages(
        self,
        student_detector: TwoStageDetector,
        teacher_detector: TwoStageDetector,
        preprocessed: tf.Tensor,
        found: Tensors,
        memory: Tensors,
    ) -> tf.Tensor:
        """Objectness and boxes of the same anchors; classes and boxes of the teacher's proposals.

        `memory` is what a Context R-CNN reads, empty for others.
        """
        # in the mode of training, which leaves out the same anchors as the student's; batch norm is frozen
        wanted = teacher_detector.first_stage(preprocessed, training=True)
        teacher, student = (
            Responses(
                predictions["rpn_objectness_predictions_with_background"],
                predictions["rpn_box_encodings"][:, :, tf.newaxis],
            )
            for predictions in (wanted, found)
        )
        objects = distance(teacher, student, softmax=True)
        boxes, count = teacher_detector.propose(wanted)
        proposals = Proposals(boxes[:, :_PROPOSALS], tf.minimum(count, _PROPOSALS))
        # Both without dropout: what they would say when they serve is compared.
        teacher, student = (
            self._second_stage_responses(detector.second_stage(first, proposals), ids)
            for detector, first, ids in (
                (teacher_detector, wanted | memory, self.teacher_ids),
                (student_detector, found | memory, self.student_ids),
            )
        )
        real = tf.sequence_mask(proposals.count, tf.shape(proposals.boxes)[1])
        return objects + distance(teacher, student, softmax=self.softmax, real=real)

    def _second_stage_responses(self, second: Tensors, ids: list[int]) -> Responses:
        images, places = tf.unstack(tf.shape(second["proposal_boxes"])[:2])
        logits, boxes = (
            tf.reshape(second[name], [images, places, *second[name].shape[1:]])
            for name in ("class_predictions_with_background", "refined_box_encodings")
        )
        if boxes.shape[2] > 1:
            boxes = tf.gather(boxes, [label - 1 for label in ids], axis=2)
        return Responses(self._logits({"class_predictions_with_background": logits}, ids), boxes)

    def _logits(self, predictions: Tensors, ids: list[int]) -> tf.Tensor:
        columns = [0, *ids] if self.softmax else ids
        return tf.gather(_float(predictions["class_predictions_with_background"]), columns, axis=-1)


def _float(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.float32)


def build_distillation(job: TrainingJob, student: Detector) -> Distillation | None:
    """What `train.keep_old_classes` asks for; None if it doesn't. Call it where `student` was built.

    Raises:
      BadInput: the model has scores of another kind, or kept no class of the TF1 model.
    """
    weight = job.options.keep_old_classes
    if weight is None:
        return None
    if job.conversion is None:
        raise BadInput(
            "there is no report of the conversion, which says what classes the TF1 model has",
            str(job.paths.converted / "report.json"),
            f"convert the model with `upcycle convert`, or leave {_WHERE} out",
        )
    head = job.conversion.class_head
    kept = [row for row in head.rows if row.source_id is not None]
    if not kept:
        raise _nothing_kept(head)
    teacher = build_detector(job.config.model, num_classes=head.classes_before)
    # The proved model, of which the conversion writes no other checkpoint.
    read_weights(teacher, job.paths.converted / "saved_model" / "variables" / "variables")
    teacher.freeze_batch_norm = True
    assert isinstance(student, Distilled) and isinstance(teacher, Distilled)
    return Distillation(
        student=student,
        teacher=teacher,
        student_ids=[row.id for row in kept],
        teacher_ids=[row.source_id for row in kept if row.source_id is not None],
        weight=weight,
        softmax=_scores(job.config.model) == "SOFTMAX",
    )


def _scores(model_config: Message) -> str:
    """SIGMOID or SOFTMAX."""
    if model_config.WhichOneof("model") == "ssd":
        processing, where = model_config.ssd.post_processing, "model.ssd.post_processing"
    else:
        processing = model_config.faster_rcnn.second_stage_post_processing
        where = "model.faster_rcnn.second_stage_post_processing"
    name = enum_name(processing, "score_converter")
    if name not in ("SIGMOID", "SOFTMAX"):
        raise BadInput(
            f"train.keep_old_classes compares probabilities, and {name} gives none",
            f"{where}.score_converter",
            "set it to SIGMOID or SOFTMAX, as the classification loss",
        )
    return name


def _nothing_kept(head: ClassHead) -> BadInput:
    if head.how == "none":
        return BadInput(
            "the converted checkpoint is a classifier: it has no classes to detect", _WHERE, "leave it out"
        )
    return BadInput(
        "the model has no class of the TF1 model to hold on to",
        _WHERE,
        "give model.label_map, the TF1 model's own, and keep its names in data.label_map; or leave it out",
    )
