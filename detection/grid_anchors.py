"""Faster R-CNN's anchors: the same boxes at every cell of one feature map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # `upcycle lint` asks for sizes, and does without TensorFlow
    import tensorflow as tf


@dataclass(frozen=True)
class GridAnchorGenerator:
    """The OD API's grid_anchor_generator; pairs are (height, width) in pixels of the network's input."""

    scales: tuple[float, ...]
    aspect_ratios: tuple[float, ...]
    base_size_px: tuple[float, float] = (256.0, 256.0)
    stride_px: tuple[float, float] = (16.0, 16.0)
    offset_px: tuple[float, float] = (0.0, 0.0)

    @property
    def anchors_per_location(self) -> int:
        """Boxes at each cell: scales times aspect ratios."""
        return len(self.scales) * len(self.aspect_ratios)

    @property
    def sizes_px(self) -> np.ndarray:
        """(height, width) of the boxes at each cell, `[anchors_per_location, 2]` float32."""
        scales = np.tile(np.asarray(self.scales, np.float32), len(self.aspect_ratios))
        roots = np.sqrt(np.repeat(np.asarray(self.aspect_ratios, np.float32), len(self.scales)))
        heights = scales / roots * np.float32(self.base_size_px[0])
        widths = scales * roots * np.float32(self.base_size_px[1])
        return np.stack([heights, widths], axis=-1)

    def generate(self, grid_height: tf.Tensor | int, grid_width: tf.Tensor | int) -> tf.Tensor:
        """`[grid_height * grid_width * anchors_per_location, 4]` float32 in pixels, not clipped.

        In the order of the predictions: row, column, aspect ratio, scale.
        """
        import tensorflow as tf

        sizes = tf.constant(self.sizes_px)
        y = tf.cast(tf.range(grid_height), tf.float32) * self.stride_px[0] + self.offset_px[0]
        x = tf.cast(tf.range(grid_width), tf.float32) * self.stride_px[1] + self.offset_px[1]
        centers = tf.stack(tf.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, tf.newaxis]
        corners = tf.concat([centers - 0.5 * sizes, centers + 0.5 * sizes], axis=-1)
        return tf.reshape(corners, [-1, 4])
