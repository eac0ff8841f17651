"""Faster R-CNN box coder: boxes as offsets from anchors."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from detection import boxes as box_ops

_EPSILON = 1e-8  # keeps log and division finite for boxes without area, as in the OD API


@dataclass(frozen=True)
class FasterRcnnBoxCoder:
    """`[ymin, xmin, ymax, xmax]` as scaled `[ty, tx, th, tw]` (the OD API's faster_rcnn_box_coder)."""

    y_scale: float = 10.0
    x_scale: float = 10.0
    height_scale: float = 5.0
    width_scale: float = 5.0

    def encode(self, boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """`[..., A, 4]` boxes against `[A, 4]` anchors -> `[..., A, 4]` encodings, float32."""
        anchor_y, anchor_x, anchor_height, anchor_width = box_ops.center_size(anchors)
        y, x, height, width = box_ops.center_size(boxes)
        anchor_height, anchor_width = anchor_height + _EPSILON, anchor_width + _EPSILON
        height, width = height + _EPSILON, width + _EPSILON
        return tf.stack(
            [
                (y - anchor_y) / anchor_height * self.y_scale,
                (x - anchor_x) / anchor_width * self.x_scale,
                tf.math.log(height / anchor_height) * self.height_scale,
                tf.math.log(width / anchor_width) * self.width_scale,
            ],
            axis=-1,
        )

    def decode(self, encodings: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """`[..., A, 4]` encodings against `[A, 4]` anchors -> `[..., A, 4]` boxes, float32, not clipped."""
        anchor_y, anchor_x, anchor_height, anchor_width = box_ops.center_size(anchors)
        ty, tx, th, tw = tf.unstack(encodings, axis=-1)
        half_height = tf.exp(th / self.height_scale) * anchor_height / 2.0
        half_width = tf.exp(tw / self.width_scale) * anchor_width / 2.0
        y = ty / self.y_scale * anchor_height + anchor_y
        x = tx / self.x_scale * anchor_width + anchor_x
        return tf.stack([y - half_height, x - half_width, y + half_height, x + half_width], axis=-1)
