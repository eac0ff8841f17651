"""TF1's multiclass non-maximum suppression, batched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from detection import boxes as box_ops

_UNIT_WINDOW = (0.0, 0.0, 1.0, 1.0)


class Kept(NamedTuple):
    """What survives, by falling score, zeros after it.

    Attributes:
      boxes: `[B, M, 4]` float32, clipped to the window.
      scores, classes: `[B, M]` float32; classes from 0, without background.
      anchor_indices: `[B, M]` int32, 0 in padding.
      valid: `[B, M]` bool.
    """

    boxes: tf.Tensor
    scores: tf.Tensor
    classes: tf.Tensor
    anchor_indices: tf.Tensor
    valid: tf.Tensor


@dataclass(frozen=True)
class MulticlassNms:
    """Greedy NMS by class, then the best over all classes (multiclass_non_max_suppression).

    Boxes are suppressed unclipped; then they are clipped, and those left without area are dropped, before the
    total is cut. tf.image.combined_non_max_suppression cuts first, and so can return fewer.
    `soft_nms_sigma` 0 is hard NMS.
    """

    score_threshold: float = 0.0
    iou_threshold: float = 0.6
    max_detections_per_class: int = 100
    max_total_detections: int = 100
    soft_nms_sigma: float = 0.0

    def __call__(self, boxes: tf.Tensor, scores: tf.Tensor, window: tf.Tensor | None = None) -> Kept:
        """Keep the best boxes, float32.

        Args:
          boxes: `[B, A, 4]`, or `[B, A, C, 4]` where each class has its own; A may be unknown while tracing.
          scores: `[B, A, C]`, without background; one below the score threshold drops its box.
          window: `[4]`, what to clip to; the unit square if None.
        """
        if window is None:
            window = tf.constant(_UNIT_WINDOW)
        num_anchors, num_classes = scores.shape[1], scores.shape[2]
        by_class = min(self.max_detections_per_class, num_anchors or self.max_detections_per_class)
        batch_size = tf.shape(scores)[0]
        class_scores = tf.reshape(tf.transpose(scores, [0, 2, 1]), [-1, tf.shape(scores)[1]])
        classes_by_boxes = num_classes
        if boxes.shape.rank == 4:
            boxes = tf.reshape(tf.transpose(boxes, [0, 2, 1, 3]), [-1, tf.shape(scores)[1], 4])
            classes_by_boxes = 1

        def suppress(problem: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            index, problem_scores = problem
            result = tf.raw_ops.NonMaxSuppressionV5(
                boxes=boxes[index // classes_by_boxes],
                scores=problem_scores,
                max_output_size=by_class,
                iou_threshold=self.iou_threshold,
                score_threshold=self.score_threshold,
                soft_nms_sigma=self.soft_nms_sigma,
                pad_to_max_output_size=True,
            )
            return result.selected_indices, result.selected_scores, result.valid_outputs

        # one small problem for each image and class; B * C of them run side by side on the CPU's cores
        anchors, kept_scores, num_valid = tf.map_fn(
            suppress,
            (tf.range(batch_size * num_classes), class_scores),
            fn_output_signature=(
                tf.TensorSpec([by_class], tf.int32),
                tf.TensorSpec([by_class], tf.float32),
                tf.TensorSpec([], tf.int32),
            ),
        )
        kept_scores = tf.where(tf.sequence_mask(num_valid, by_class), kept_scores, -1.0)
        candidates = num_classes * by_class
        # gathered by set of boxes (an image's, or a class's), then all of an image's classes in a row
        kept_boxes = tf.gather(boxes, tf.reshape(anchors, [-1, classes_by_boxes * by_class]), batch_dims=1)
        clipped = box_ops.clip_to_window(tf.reshape(kept_boxes, [-1, candidates, 4]), window)
        anchors = tf.reshape(anchors, [-1, candidates])
        kept_scores = tf.reshape(kept_scores, [-1, candidates])
        kept_scores = tf.where(box_ops.area(clipped) != 0.0, kept_scores, -1.0)
        return self._best(clipped, kept_scores, anchors, by_class)

    def _best(self, boxes: tf.Tensor, scores: tf.Tensor, anchors: tf.Tensor, by_class: int) -> Kept:
        """The `max_total_detections` best of `[B, K]` candidates, in class order; score -1: dropped."""
        total = self.max_total_detections
        top = min(total, scores.shape[1])
        top_scores, order = tf.math.top_k(scores, k=top)
        valid = top_scores >= 0.0
        padding = [[0, 0], [0, total - top]]

        def rows(values: tf.Tensor) -> tf.Tensor:
            return tf.pad(tf.where(valid, values, tf.zeros([], values.dtype)), padding)

        top_boxes = tf.gather(boxes, order, batch_dims=1)
        top_boxes = tf.where(valid[..., tf.newaxis], top_boxes, 0.0)
        return Kept(
            boxes=tf.pad(top_boxes, [*padding, [0, 0]]),
            scores=rows(top_scores),
            classes=rows(tf.cast(order // by_class, tf.float32)),
            anchor_indices=rows(tf.gather(anchors, order, batch_dims=1)),
            valid=tf.pad(valid, padding),
        )
