"""Training targets: what each anchor should predict, and how much its mistake counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import tensorflow as tf

from detection import boxes as box_ops
from detection.box_coder import FasterRcnnBoxCoder
from detection.matcher import ArgmaxMatcher


class Targets(NamedTuple):
    """Targets of a batch.

    Attributes:
      class_targets: `[B, A, C + 1]` float32 one-hot, background first; all zero for background when the
        config encodes background as zeros.
      class_weights: `[B, A]` float32; 0 for ignored anchors.
      box_targets: `[B, A, 4]` float32 encodings; 0 where no box is matched.
      box_weights: `[B, A]` float32; 0 where no box is matched.
      matches: `[B, A]` int32 as from the matcher.
    """

    class_targets: tf.Tensor
    class_weights: tf.Tensor
    box_targets: tf.Tensor
    box_weights: tf.Tensor
    matches: tf.Tensor


@dataclass(frozen=True)
class TargetAssigner:
    """Matches anchors by IoU and encodes their boxes (the OD API's TargetAssigner, without a loop)."""

    matcher: ArgmaxMatcher
    box_coder: FasterRcnnBoxCoder
    num_classes: int
    encode_background_as_zeros: bool = True
    negative_class_weight: float = 1.0

    def assign(self, anchors: tf.Tensor, groundtruth: dict[str, tf.Tensor]) -> Targets:
        """Targets of `[A, 4]` anchors for a batch of zero-padded groundtruth.

        `groundtruth`: "boxes" `[B, N, 4]` float32; "classes" `[B, N]` int32, label ids from 1, 0 in padding;
        "weights" `[B, N]` float32. A real box of weight 0 still takes its anchors, without loss, as in TF1.
        """
        boxes, classes, weights = groundtruth["boxes"], groundtruth["classes"], groundtruth["weights"]
        similarity = box_ops.iou(boxes, anchors)
        matches = self.matcher.match(similarity, classes > 0, weights > 0.0)
        is_matched = matches >= 0
        index = tf.maximum(matches, 0)
        matched_gt_boxes = tf.gather(boxes, index, batch_dims=1)
        matched_classes = tf.where(is_matched, tf.gather(classes, index, batch_dims=1), 0)
        matched_weights = tf.gather(weights, index, batch_dims=1)
        # anchors without a box encode themselves: finite, and replaced by 0 below
        matched_gt_boxes = tf.where(is_matched[..., tf.newaxis], matched_gt_boxes, anchors)
        encodings = self.box_coder.encode(matched_gt_boxes, anchors)
        class_targets = tf.one_hot(matched_classes, self.num_classes + 1)
        if self.encode_background_as_zeros:
            class_targets *= tf.cast(is_matched, tf.float32)[..., tf.newaxis]
        unmatched_weights = tf.where(matches == -1, self.negative_class_weight, 0.0)
        return Targets(
            class_targets=class_targets,
            class_weights=tf.where(is_matched, matched_weights, unmatched_weights),
            box_targets=tf.where(is_matched[..., tf.newaxis], encodings, 0.0),
            box_weights=tf.where(is_matched, matched_weights, 0.0),
            matches=matches,
        )
