"""SSD anchors (default boxes), computed once in NumPy from the sizes of the feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class AnchorGenerator(Protocol):
    """Lays anchors over the cells of the feature maps."""

    @property
    def anchors_per_location(self) -> list[int]:
        """Number of anchors in each cell, by feature map."""

    def generate(self, grid_sizes: Sequence[tuple[int, int]], image_size: tuple[int, int]) -> np.ndarray:
        """Anchors of all feature maps, in the order of the predictions.

        Args:
          grid_sizes: (height, width) of each feature map, in cells.
          image_size: (height, width) of the network's input, in pixels.

        Returns:
          `[A, 4]` float32 normalised boxes, not clipped: by feature map, row, column, then box of the cell.
        """


@dataclass(frozen=True)
class SsdAnchorGenerator:
    """The OD API's ssd_anchor_generator: (scale, aspect ratio) pairs by feature map, tiled over its cells.

    Attributes:
      box_specs: for each feature map, its (scale, aspect ratio) pairs.
      base_anchor_size: (height, width), relative to the smaller image side.
      strides_px, offsets_px: (y, x) by feature map in pixels, or None: one cell, half a cell.
    """

    box_specs: tuple[tuple[tuple[float, float], ...], ...]
    base_anchor_size: tuple[float, float] = (1.0, 1.0)
    strides_px: tuple[tuple[int, int], ...] | None = None
    offsets_px: tuple[tuple[int, int], ...] | None = None

    @property
    def anchors_per_location(self) -> list[int]:
        """Number of anchors in each cell, by feature map."""
        return [len(specs) for specs in self.box_specs]

    def generate(self, grid_sizes: Sequence[tuple[int, int]], image_size: tuple[int, int]) -> np.ndarray:
        """See AnchorGenerator; the boxes of a cell come in the order of its specs."""
        image_height, image_width = (np.float32(side) for side in image_size)
        shorter = min(image_height, image_width)
        base_height = shorter / image_height * np.float32(self.base_anchor_size[0])
        base_width = shorter / image_width * np.float32(self.base_anchor_size[1])
        by_map = []
        for index, (rows, columns) in enumerate(grid_sizes):
            stride_y, stride_x = np.float32(1.0) / np.float32(rows), np.float32(1.0) / np.float32(columns)
            if self.strides_px is not None:
                stride_y = np.float32(self.strides_px[index][0]) / image_height
                stride_x = np.float32(self.strides_px[index][1]) / image_width
            offset_y, offset_x = np.float32(0.5) * stride_y, np.float32(0.5) * stride_x
            if self.offsets_px is not None:
                offset_y = np.float32(self.offsets_px[index][0]) / image_height
                offset_x = np.float32(self.offsets_px[index][1]) / image_width
            scales, ratios = np.array(self.box_specs[index], np.float32).T
            root = np.sqrt(ratios)
            sizes = np.stack([scales / root * base_height, scales * root * base_width], axis=-1)
            y = np.arange(rows, dtype=np.float32) * stride_y + offset_y
            x = np.arange(columns, dtype=np.float32) * stride_x + offset_x
            centers = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, np.newaxis, :]
            half = np.float32(0.5) * sizes
            corners = np.concatenate(np.broadcast_arrays(centers - half, centers + half), axis=-1)
            by_map.append(corners.reshape(-1, 4))
        return np.concatenate(by_map).astype(np.float32)


def ssd_box_specs(
    *,
    num_layers: int,
    min_scale: float,
    max_scale: float,
    scales: Sequence[float],
    aspect_ratios: Sequence[float],
    interpolated_scale_aspect_ratio: float,
    reduce_boxes_in_lowest_layer: bool,
) -> tuple[tuple[tuple[float, float], ...], ...]:
    """(scale, aspect ratio) pairs of each feature map, finest first.

    `scales`, when given, replaces the even steps from `min_scale` to `max_scale`. Each map but a reduced
    first one also gets a box between its own scale and the next one's, unless its aspect ratio is set to 0.
    """
    if scales:
        steps = list(scales)
    elif num_layers == 1:
        steps = [min_scale]
    else:
        steps = [min_scale + (max_scale - min_scale) * i / (num_layers - 1) for i in range(num_layers)]
    specs: list[tuple[tuple[float, float], ...]] = []
    for layer, (scale, next_scale) in enumerate(zip(steps, [*steps[1:], 1.0], strict=True)):
        if layer == 0 and reduce_boxes_in_lowest_layer:
            specs.append(((0.1, 1.0), (scale, 2.0), (scale, 0.5)))
            continue
        pairs = [(scale, ratio) for ratio in aspect_ratios]
        if interpolated_scale_aspect_ratio > 0.0:
            pairs.append((float(np.sqrt(scale * next_scale)), interpolated_scale_aspect_ratio))
        specs.append(tuple(pairs))
    return tuple(specs[:num_layers])
