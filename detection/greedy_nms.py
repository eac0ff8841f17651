"""Greedy non-maximum suppression of whole batches in fixed shapes, which XLA compiles."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Anchors compared at a time: a block's square of overlaps stays in a CPU's cache.
_BLOCK = 128


def greedy_nms(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    *,
    max_selected: int,
    iou_threshold: float,
    enough: Callable[[tf.Tensor, tf.Tensor], tf.Tensor],
) -> tf.Tensor:
    """What NonMaxSuppressionV3 selects of boxes in order, as a mask `[B, A]` bool.

    It takes them by blocks: a block against all boxes selected so far, then against itself, until nothing
    changes. Boxes without area overlap nothing, and boxes whose score is -inf or not a number are not
    selected, as in that op; it has no gradient either.

    Args:
      boxes: `[B, A, 4]` finite float32, by falling score and, where scores are equal, in the order in which
        they should be taken.
      scores: `[B, A]` float32, falling.
      max_selected: most boxes selected of an image.
      iou_threshold: a box goes if it overlaps a selected one by more.
      enough: takes the mask so far and how many boxes of each image it decides on, an int32 scalar; true
        ends the search, with nothing more selected.
    """
    num_images, num_boxes = tf.shape(boxes)[0], boxes.shape[1]
    max_selected = min(max_selected, num_boxes)
    num_blocks, num_kept_blocks = -(-num_boxes // _BLOCK), -(-max_selected // _BLOCK)
    geometry, possible = in_blocks(corners_and_area(boxes), _BLOCK), in_blocks(scores > float("-inf"), _BLOCK)
    image = tf.broadcast_to(tf.range(num_images)[:, tf.newaxis], [num_images, _BLOCK])

    def mask(taken: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.transpose(taken, [1, 0, 2]), [num_images, -1])[:, :num_boxes]

    def searching(index: tf.Tensor, counts: tf.Tensor, _: tf.Tensor, taken: tf.Tensor) -> tf.Tensor:
        possible_yet = (index < num_blocks) & tf.reduce_any(counts < max_selected)
        return possible_yet & ~enough(mask(taken), index * _BLOCK)

    def take(
        index: tf.Tensor, counts: tf.Tensor, kept: tf.Tensor, taken: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        block = geometry[index]
        free = _free_of(kept, tf.reduce_max(counts), block, possible[index], iou_threshold)
        selected = _select_in_block(block, free, iou_threshold)
        rank = counts[:, tf.newaxis] + tf.cumsum(tf.cast(selected, tf.int32), axis=1)
        selected &= rank <= max_selected
        # What is not selected goes to a last block that nobody reads.
        row = tf.where(selected, rank - 1, num_kept_blocks * _BLOCK)
        places = tf.stack([row // _BLOCK, image, row % _BLOCK], axis=-1)
        kept = tf.tensor_scatter_nd_update(kept, places, block)
        taken = tf.tensor_scatter_nd_update(taken, [[index]], selected[tf.newaxis])
        return index + 1, tf.minimum(rank[:, -1], max_selected), kept, taken

    start = (
        tf.constant(0),
        tf.zeros([num_images], tf.int32),
        # corners and areas of the selected boxes, each image's in a row, in blocks
        tf.zeros([num_kept_blocks + 1, num_images, _BLOCK, 5]),
        tf.zeros_like(possible),
    )
    return mask(tf.while_loop(searching, take, start)[3])


def corners_and_area(boxes: tf.Tensor) -> tf.Tensor:
    """`[B, A, 5]`: the lower corner, the upper corner, whichever was given first, and the area."""
    low, high = tf.minimum(boxes[..., :2], boxes[..., 2:]), tf.maximum(boxes[..., :2], boxes[..., 2:])
    return tf.concat([low, high, tf.reduce_prod(high - low, axis=-1, keepdims=True)], axis=-1)


def in_blocks(values: tf.Tensor, size: int) -> tf.Tensor:
    """`[B, A, ...]` -> `[ceil(A / size), B, size, ...]`, with zeros after the last."""
    num_blocks = -(-values.shape[1] // size)
    rest = values.shape[2:]
    padded = tf.pad(values, [[0, 0], [0, num_blocks * size - values.shape[1]], *[[0, 0]] * len(rest)])
    blocks = tf.reshape(padded, [tf.shape(values)[0], num_blocks, size, *rest])
    return tf.transpose(blocks, [1, 0, 2, *range(3, 3 + len(rest))])


def overlap(earlier: tf.Tensor, later: tf.Tensor, iou_threshold: float) -> tf.Tensor:
    """`[..., S, T]` bool: which of `[..., S, 5]` overlap which of `[..., T, 5]`, in that op's arithmetic."""
    ymin, xmin, ymax, xmax, area = tf.unstack(earlier[..., tf.newaxis, :], axis=-1)
    later_ymin, later_xmin, later_ymax, later_xmax, later_area = tf.unstack(
        later[..., tf.newaxis, :, :], axis=-1
    )
    heights = tf.maximum(tf.minimum(ymax, later_ymax) - tf.maximum(ymin, later_ymin), 0.0)
    widths = tf.maximum(tf.minimum(xmax, later_xmax) - tf.maximum(xmin, later_xmin), 0.0)
    intersections = heights * widths
    # Two boxes without area give 0 / 0, which is not above the threshold either.
    return intersections / (area + later_area - intersections) > iou_threshold


def _free_of(
    kept: tf.Tensor, count: tf.Tensor, block: tf.Tensor, possible: tf.Tensor, iou_threshold: float
) -> tf.Tensor:
    """`[B, T]` bool: which `possible` boxes of a block overlap none of the first `count` kept ones."""

    def compare(index: tf.Tensor, free: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return index + 1, free & ~tf.reduce_any(overlap(kept[index], block, iou_threshold), axis=1)

    return tf.while_loop(lambda index, _: index * _BLOCK < count, compare, (tf.constant(0), possible))[1]


def _select_in_block(block: tf.Tensor, free: tf.Tensor, iou_threshold: float) -> tf.Tensor:
    """`[B, T]` bool: the greedy choice among the `free` boxes of a block.

    A mask that leaves out exactly what its own members suppress is that choice, by induction from the first
    box on; each round decides at least one box more, and where nothing overlaps the first round is the last.
    """
    suppresses = overlap(block, block, iou_threshold)
    suppresses &= tf.range(_BLOCK)[:, tf.newaxis] < tf.range(_BLOCK)  # the earlier the later only

    def round_of(selected: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return free & ~tf.reduce_any(suppresses & selected[:, :, tf.newaxis], axis=1), selected

    return tf.while_loop(
        lambda selected, before: tf.reduce_any(selected != before),
        lambda selected, _: round_of(selected),
        round_of(free),
    )[0]
