"""Greedy non-maximum suppression of near copies, of whole batches in fixed shapes, which XLA compiles."""

from __future__ import annotations

import tensorflow as tf

from detection.greedy_nms import corners_and_area, in_blocks, overlap

LEAST_THRESHOLD = 0.9
# Boxes compared at a time with as many others: the more, the more pairs out of reach among them.
_BLOCK = 32
_SLANT = 0.618  # puts boxes of one row, and of one column, in different places
# What rounding may add to an overlap, and, as a part of the coordinates, to a distance; with room to spare.
_ROUNDING, _SHIFT = 1e-5, 1e-6


def near_nms(boxes: tf.Tensor, scores: tf.Tensor, *, max_selected: int, iou_threshold: float) -> tf.Tensor:
    """What greedy_nms selects, where the threshold is `LEAST_THRESHOLD` or more, in a small part of its time.

    Boxes that overlap by so much have nearly the same corner. They are put in the order of their corners
    along a slanted line, and each is compared only with those that are within reach there.

    Args:
      boxes, scores, max_selected, iou_threshold: as greedy_nms takes them.

    Returns:
      Mask `[B, A]` bool.
    """
    geometry = corners_and_area(boxes)
    place, reach = _place_and_reach(geometry, iou_threshold)
    rank = tf.argsort(place, axis=1)  # by score, of the boxes along the line
    place, reach = tf.gather(place, rank, batch_dims=1), tf.gather(reach, rank, batch_dims=1)
    followers = tf.searchsorted(place, place + reach, side="right") - tf.range(1, boxes.shape[1] + 1)
    window = tf.reduce_max(followers)
    blocks = in_blocks(tf.gather(geometry, rank, batch_dims=1), _BLOCK)
    free = in_blocks(tf.gather(scores > float("-inf"), rank, batch_dims=1), _BLOCK)
    ranks = in_blocks(rank, _BLOCK)

    def round_of(selected: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return free & ~_suppressed(selected, blocks, ranks, window, iou_threshold), selected

    # Ends at the greedy choice, as the rounds in greedy_nms do.
    selected, _ = tf.while_loop(
        lambda selected, before: tf.reduce_any(selected != before),
        lambda selected, _: round_of(selected),
        (free, tf.zeros_like(free)),
    )
    along = tf.reshape(tf.transpose(selected, [1, 0, 2]), [tf.shape(boxes)[0], -1])
    chosen = tf.gather(along, tf.argsort(rank, axis=1), batch_dims=1)
    return chosen & (tf.cumsum(tf.cast(chosen, tf.int32), axis=1) <= max_selected)


def _place_and_reach(geometry: tf.Tensor, iou_threshold: float) -> tuple[tf.Tensor, tf.Tensor]:
    """Where boxes are on the line, and how far one may be that overlaps by more, `[B, A]` float32 each.

    An overlap above t leaves less than (1 - t) of the larger side, and that side is less than 1 / t of the
    other. A box that is not finite overlaps nothing, wherever it is.
    """
    ymin, xmin, ymax, xmax, _ = tf.unstack(geometry, axis=-1)
    place = ymin + _SLANT * xmin
    part = 1.0 / (iou_threshold - _ROUNDING) - 1.0
    reach = part * (ymax - ymin + _SLANT * (xmax - xmin)) + _SHIFT * (tf.abs(ymin) + tf.abs(xmin))
    finite = tf.math.is_finite(place) & tf.math.is_finite(reach)
    return tf.where(finite, place, 0.0), tf.where(finite, reach, 0.0)


def _suppressed(
    selected: tf.Tensor, blocks: tf.Tensor, ranks: tf.Tensor, window: tf.Tensor, iou_threshold: float
) -> tf.Tensor:
    """Which boxes overlap a `selected` one of a better rank, in blocks `[N, B, block]` bool.

    Each block is compared with those that follow it by up to `window` boxes, the last ones with the first:
    that finds nothing, or what is true.
    """
    numbers = tf.range(blocks.shape[0])

    def compare(distance: tf.Tensor, suppressed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        following = (numbers + distance) % blocks.shape[0]
        overlaps = overlap(blocks, tf.gather(blocks, following), iou_threshold)
        rank, later_rank = ranks[..., tf.newaxis], tf.gather(ranks, following)[..., tf.newaxis, :]
        of_later = overlaps & (rank < later_rank) & selected[..., tf.newaxis]
        of_own = overlaps & (later_rank < rank) & tf.gather(selected, following)[..., tf.newaxis, :]
        back = tf.gather(tf.reduce_any(of_later, axis=2), (numbers - distance) % blocks.shape[0])
        return distance + 1, suppressed | tf.reduce_any(of_own, axis=3) | back

    return tf.while_loop(
        lambda distance, _: (distance * _BLOCK < window + _BLOCK) & (distance < blocks.shape[0]),
        compare,
        (tf.constant(0), tf.zeros_like(selected)),
    )[1]
