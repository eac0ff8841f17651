"""Box geometry on `[..., 4]` tensors of `[ymin, xmin, ymax, xmax]`, normalised float32."""

from __future__ import annotations

import tensorflow as tf


def area(boxes: tf.Tensor) -> tf.Tensor:
    """Area of each box, `[...]` float32; degenerate (inverted) boxes give what (h * w) gives, as TF1 does."""
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def clip_to_window(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Clip `[..., 4]` boxes to `window` `[4]`; boxes outside become degenerate, none is dropped."""
    low = tf.stack([window[0], window[1], window[0], window[1]])
    high = tf.stack([window[2], window[3], window[2], window[3]])
    return tf.maximum(tf.minimum(boxes, high), low)


def center_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """`(ycenter, xcenter, height, width)` of `[..., 4]` boxes, each `[...]`."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    height, width = ymax - ymin, xmax - xmin
    return ymin + height / 2.0, xmin + width / 2.0, height, width


def iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Pairwise intersection over union.

    Args:
      boxes: `[B, N, 4]` float32.
      others: `[A, 4]` float32, the same for every image, or `[B, A, 4]`.

    Returns:
      `[B, N, A]` float32; 0 where two boxes don't meet, also when both have no area (as in the OD API).
    """
    ymin, xmin, ymax, xmax = tf.split(boxes, 4, axis=-1)  # each [B, N, 1]
    other_ymin, other_xmin, other_ymax, other_xmax = tf.unstack(
        others[..., tf.newaxis, :, :], axis=-1
    )  # each [1, A] or [B, 1, A]
    heights = tf.maximum(0.0, tf.minimum(ymax, other_ymax) - tf.maximum(ymin, other_ymin))
    widths = tf.maximum(0.0, tf.minimum(xmax, other_xmax) - tf.maximum(xmin, other_xmin))
    intersections = heights * widths
    unions = area(boxes)[..., tf.newaxis] + area(others)[..., tf.newaxis, :] - intersections
    return tf.where(intersections == 0.0, 0.0, intersections / tf.where(intersections == 0.0, 1.0, unions))
