"""Hard example mining: which anchors' losses count, for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detection.errors import BadInput
from detection.greedy_nms import greedy_nms
from detection.matcher import UNMATCHED
from detection.near_nms import LEAST_THRESHOLD, near_nms


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

    def __post_init__(self) -> None:
        if not 0.0 <= self.iou_threshold <= 1.0:
            raise BadInput(
                f"iou_threshold {self.iou_threshold:g} is not between 0 and 1",
                "model.ssd.loss.hard_example_miner.iou_threshold",
                "set it to 0.99, as most configs have it",
            )

    def select(
        self, box_losses: tf.Tensor, class_losses: tf.Tensor, decoded_boxes: tf.Tensor, matches: tf.Tensor
    ) -> tf.Tensor:
        """Mask of the anchors that count, `[B, A]` float32 of 0 and 1, without gradient.

        Args:
          box_losses, class_losses: `[B, A]` float32.
          decoded_boxes: `[B, A, 4]` float32 predicted boxes.
          matches: `[B, A]` int32 from the matcher.
        """
        ranking = tf.stop_gradient(class_losses * self.class_loss_weight + box_losses * self.box_loss_weight)
        # A loss that is not a number is never taken; sorted it must be all the same.
        ranking = tf.where(tf.math.is_nan(ranking), float("-inf"), ranking)
        num_anchors = ranking.shape[1]
        losses, order = tf.math.top_k(ranking, k=num_anchors)  # of equal losses, the first anchor first
        boxes = tf.gather(tf.stop_gradient(decoded_boxes), order, batch_dims=1)
        matches = tf.gather(matches, order, batch_dims=1)
        positive, negative = matches >= 0, matches == UNMATCHED
        survivors = self._without_overlaps(boxes, losses, positive, negative)
        rank = tf.cumsum(tf.cast(negative & survivors, tf.int32), axis=1)
        most = self._most_negatives(positive & survivors)
        kept = survivors & (positive | (rank <= most[:, tf.newaxis]))
        image = tf.broadcast_to(tf.range(tf.shape(order)[0])[:, tf.newaxis], tf.shape(order))
        places = tf.stack([image, order], axis=-1)
        return tf.scatter_nd(places, tf.cast(kept, tf.float32), tf.shape(ranking))

    def _without_overlaps(
        self, boxes: tf.Tensor, losses: tf.Tensor, positive: tf.Tensor, negative: tf.Tensor
    ) -> tf.Tensor:
        """Which of the ranked anchors, `[B, A]` each, are taken; those that can't count may be left out."""
        num_anchors = boxes.shape[1]
        most_taken = self.num_hard_examples or num_anchors
        if self.iou_threshold >= LEAST_THRESHOLD:
            return near_nms(boxes, losses, max_selected=most_taken, iou_threshold=self.iou_threshold)
        last_positive = tf.reduce_max(tf.where(positive, tf.range(num_anchors), -1), axis=1)

        def enough(survivors: tf.Tensor, decided: tf.Tensor) -> tf.Tensor:
            """Whether the anchors after the first `decided` can't count: mostly easy background."""
            if self.max_negatives_per_positive is None:
                return tf.constant(False)
            negatives = tf.reduce_sum(tf.cast(negative & survivors, tf.int32), axis=1)
            most = self._most_negatives(positive & survivors)
            return tf.reduce_all((last_positive < decided) & (negatives >= most))

        return greedy_nms(
            boxes, losses, max_selected=most_taken, iou_threshold=self.iou_threshold, enough=enough
        )

    def _most_negatives(self, positive: tf.Tensor) -> tf.Tensor:
        """How many negatives may stay beside `[B, A]` positives, `[B]` int32."""
        if self.max_negatives_per_positive is None:
            return tf.fill([tf.shape(positive)[0]], positive.shape[1])
        counts = tf.reduce_sum(tf.cast(positive, tf.float32), axis=1)
        return tf.maximum(
            self.min_negatives_per_image, tf.cast(self.max_negatives_per_positive * counts, tf.int32)
        )
