"""Hard example mining: which anchors' losses count, for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detection.matcher import UNMATCHED


@dataclass(frozen=True)
class HardExampleMiner:
    """The OD API's hard_example_miner.

    For each image, anchors are taken by falling loss, without those whose decoded box overlaps a taken one
    by more than `iou_threshold`; then all taken positives stay, and the first `max_negatives_per_positive`
    times as many negatives (at least `min_negatives_per_image`).

    Attributes:
      num_hard_examples: most anchors taken for one image, or None for all.
      max_negatives_per_positive: or None to keep all.
      class_loss_weight, box_loss_weight: weights of the two losses in the ranking.
    """

    num_hard_examples: int | None
    iou_threshold: float
    max_negatives_per_positive: float | None
    min_negatives_per_image: int
    class_loss_weight: float
    box_loss_weight: float

    def select(
        self, box_losses: tf.Tensor, class_losses: tf.Tensor, decoded_boxes: tf.Tensor, matches: tf.Tensor
    ) -> tf.Tensor:
        """Mask of the anchors that count, `[B, A]` float32 of 0 and 1, without gradient.

        Args:
          box_losses, class_losses: `[B, A]` float32.
          decoded_boxes: `[B, A, 4]` float32 predicted boxes.
          matches: `[B, A]` int32 from the matcher.
        """
        ranking = class_losses * self.class_loss_weight + box_losses * self.box_loss_weight
        return tf.map_fn(
            self._select_in_image,
            (tf.stop_gradient(ranking), tf.stop_gradient(decoded_boxes), matches),
            fn_output_signature=tf.TensorSpec([ranking.shape[1]], tf.float32),
        )

    def _select_in_image(self, image: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        """`[A]` mask from `[A]` ranking losses, `[A, 4]` decoded boxes and `[A]` matches."""
        losses, boxes, matches = image
        order = tf.argsort(losses, direction="DESCENDING")
        losses, boxes, matches = (tf.gather(values, order) for values in (losses, boxes, matches))
        positive, negative = matches >= 0, matches == UNMATCHED
        num_anchors = losses.shape[0]
        prefix = self._prefix(positive, negative)
        survivors = self._survivors(boxes, losses, prefix)
        most = self._most_negatives(positive & survivors)
        missing = tf.reduce_sum(tf.cast(negative & survivors, tf.int32)) < most
        survivors = tf.cond(
            missing & (prefix < num_anchors),
            lambda: self._survivors(boxes, losses, tf.constant(num_anchors)),
            lambda: survivors,
        )
        rank = tf.cumsum(tf.cast(negative & survivors, tf.int32))
        kept = survivors & (positive | (rank <= self._most_negatives(positive & survivors)))
        return tf.scatter_nd(order[:, tf.newaxis], tf.cast(kept, tf.float32), [num_anchors])

    def _most_negatives(self, positive: tf.Tensor) -> tf.Tensor:
        """How many negatives may stay beside these positives, an int32 scalar."""
        if self.max_negatives_per_positive is None:
            return tf.size(positive)
        count = tf.reduce_sum(tf.cast(positive, tf.float32))
        return tf.maximum(
            self.min_negatives_per_image, tf.cast(self.max_negatives_per_positive * count, tf.int32)
        )

    def _prefix(self, positive: tf.Tensor, negative: tf.Tensor) -> tf.Tensor:
        """How many anchors, by falling loss, hold all positives and somewhat more negatives than may stay.

        What is suppressed depends on higher losses only, so this prefix decides the selection: the rest,
        mostly easy background, need not be compared with everything (a third of a training step on a CPU).
        """
        most = self._most_negatives(positive)
        rank = tf.cumsum(tf.cast(negative, tf.int32))
        wanted = positive | (rank <= most + most // 4 + 16)
        return tf.reduce_max(tf.where(wanted, tf.range(1, tf.size(rank) + 1), 0))

    def _survivors(self, boxes: tf.Tensor, losses: tf.Tensor, prefix: tf.Tensor) -> tf.Tensor:
        """`[A]` bool: what NMS takes of the first `prefix` anchors."""
        num_anchors = losses.shape[0]
        taken = tf.raw_ops.NonMaxSuppressionV3(
            boxes=boxes[:prefix],
            scores=losses[:prefix],
            max_output_size=self.num_hard_examples or num_anchors,
            iou_threshold=self.iou_threshold,
            score_threshold=float("-inf"),
        )
        return tf.scatter_nd(taken[:, tf.newaxis], tf.ones_like(taken), [num_anchors]) > 0
