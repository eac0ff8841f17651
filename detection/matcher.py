"""Argmax matching of anchors to groundtruth boxes, for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

UNMATCHED = -1  # background
IGNORED = -2  # between the thresholds: no loss


@dataclass(frozen=True)
class ArgmaxMatcher:
    """The OD API's argmax_matcher. `matched_threshold` None means that each anchor takes its best box."""

    matched_threshold: float | None = 0.5
    unmatched_threshold: float | None = 0.5
    negatives_lower_than_unmatched: bool = True
    force_match_for_each_row: bool = True

    def match(self, similarity: tf.Tensor, present: tf.Tensor, forceable: tf.Tensor) -> tf.Tensor:
        """Match each anchor to a groundtruth box.

        Args:
          similarity: `[B, N, A]` float32, boxes by anchors.
          present: `[B, N]` bool, False for padding rows: they match nothing.
          forceable: `[B, N]` bool, rows that get their best anchor even below the threshold (weight > 0).

        Returns:
          `[B, A]` int32: index of the matched box, UNMATCHED, or IGNORED.
        """
        similarity = tf.where(present[..., tf.newaxis], similarity, -1.0)
        matches = tf.argmax(similarity, axis=1, output_type=tf.int32)
        best = tf.reduce_max(similarity, axis=1)
        if self.matched_threshold is not None and self.unmatched_threshold is not None:
            below, between = UNMATCHED, IGNORED
            if not self.negatives_lower_than_unmatched:
                below, between = IGNORED, UNMATCHED
            matches = tf.where(best < self.matched_threshold, between, matches)
            matches = tf.where(best < self.unmatched_threshold, below, matches)
        matches = tf.where(tf.reduce_any(present, axis=1, keepdims=True), matches, UNMATCHED)
        if not self.force_match_for_each_row:
            return matches
        num_boxes = tf.shape(similarity)[1]
        best_anchors = tf.argmax(similarity, axis=2, output_type=tf.int32)
        claims = tf.one_hot(
            best_anchors, tf.shape(similarity)[2], on_value=True, off_value=False, dtype=tf.bool
        )
        claims &= (present & forceable)[..., tf.newaxis]
        # where boxes claim the same anchor, the first one gets it
        rows = tf.where(claims, tf.range(num_boxes)[tf.newaxis, :, tf.newaxis], num_boxes)
        first = tf.reduce_min(rows, axis=1)
        return tf.where(first < num_boxes, first, matches)
