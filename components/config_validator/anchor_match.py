"""How well the anchors that a model makes fit the boxes of a data set.

All anchors of a feature map are a few shapes at every cell. Of one shape the anchor whose centre is nearest
to a box's, in each direction, overlaps it most, so each shape is compared with a box once and not at every
cell: 20,000 boxes take a fraction of a second, with the same result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from detection.anchor_builder import anchor_generator, grid_anchor_generator
from detection.config.architectures import NATIVE
from detection.config.feature_map_sizes import feature_map_sizes, first_stage_map_size
from detection.errors import BadInput

_MOST_ANCHORS = 5_000_000  # six in each cell of level 2, for images of 3,000 by 3,000 pixels


@dataclass(frozen=True)
class AnchorShape:
    """One shape of anchors of one feature map; all in shares of the image.

    Attributes:
      height, width: of each anchor.
      rows, columns: y and x of their centres, rising; the anchors are at every pair of them.
    """

    height: float
    width: float
    rows: np.ndarray
    columns: np.ndarray


def ssd_anchors(ssd: Any) -> list[AnchorShape]:
    """The anchors of an `Ssd` proto; none where they can't be known without building the model."""
    grid_sizes = feature_map_sizes(ssd)
    if not grid_sizes:
        return []
    try:
        generator = anchor_generator(ssd)
    except BadInput:
        return []
    cells_of_all = sum(rows * columns for rows, columns in grid_sizes)
    if cells_of_all * max(generator.anchors_per_location) > _MOST_ANCHORS:
        return []
    resizer = ssd.image_resizer.fixed_shape_resizer
    anchors = generator.generate(grid_sizes, (resizer.height, resizer.width))
    shapes, start = [], 0
    for (rows, columns), count in zip(grid_sizes, generator.anchors_per_location, strict=True):
        end = start + rows * columns * count
        cells = anchors[start:end].reshape(rows, columns, count, 4)
        centers = (cells[..., :2] + cells[..., 2:]) / 2
        sizes = cells[0, 0, :, 2:] - cells[0, 0, :, :2]
        shapes += [
            AnchorShape(float(sizes[i, 0]), float(sizes[i, 1]), centers[:, 0, i, 0], centers[0, :, i, 1])
            for i in range(count)
        ]
        start = end
    return shapes


def first_stage_anchors(faster_rcnn: Any, image_size: tuple[int, int]) -> list[AnchorShape]:
    """The anchors that a `FasterRcnn` proto's first stage trains on, for an input of (height, width) pixels.

    None where they can't be known without building the model, or where the image's border clips them. A
    shape of which every anchor crosses the border is left out, as training leaves such anchors out.
    """
    if faster_rcnn.feature_extractor.type not in NATIVE or faster_rcnn.clip_anchors_to_image:
        return []
    try:
        generator = grid_anchor_generator(faster_rcnn.first_stage_anchor_generator)
    except BadInput:
        return []
    cells = first_stage_map_size(faster_rcnn, image_size)
    if cells[0] * cells[1] * generator.anchors_per_location > _MOST_ANCHORS:
        return []
    centers = [
        np.arange(count, dtype=np.float32) * np.float32(stride) + np.float32(offset)
        for count, stride, offset in zip(cells, generator.stride_px, generator.offset_px, strict=True)
    ]
    shapes = []
    for size in generator.sizes_px:
        inside = [
            along[(along - half >= 0) & (along + half <= side)] / side
            for along, half, side in zip(centers, size / 2, image_size, strict=True)
        ]
        if inside[0].size and inside[1].size:
            height, width = float(size[0] / image_size[0]), float(size[1] / image_size[1])
            shapes.append(AnchorShape(height, width, *inside))
    return shapes


def best_overlaps(shapes: list[AnchorShape], sizes: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """The best IoU `[N]` that any anchor has with each box.

    Args:
      shapes: the anchors.
      sizes: `[N, 2]` (width, height) of the boxes, as shares of the image.
      centers: `[N, 2]` (x, y) of the boxes, likewise.
    """
    best = np.zeros(len(sizes))
    width, height = sizes.T
    for shape in shapes:
        across = _overlap(_nearest(shape.columns, centers[:, 0]), shape.width, centers[:, 0], width)
        down = _overlap(_nearest(shape.rows, centers[:, 1]), shape.height, centers[:, 1], height)
        intersection = across * down
        union = width * height + shape.width * shape.height - intersection
        best = np.maximum(best, intersection / union)
    return best


def _nearest(positions: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The position nearest to each wanted one; `positions` rise."""
    after = np.clip(np.searchsorted(positions, wanted), 0, len(positions) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(positions[before] - wanted) <= np.abs(positions[after] - wanted)
    return np.where(nearer, positions[before], positions[after])


def _overlap(anchor: np.ndarray, anchor_side: float, box: np.ndarray, box_side: np.ndarray) -> np.ndarray:
    """Length that two intervals, given by their middles and lengths, have in common."""
    end = np.minimum(anchor + anchor_side / 2, box + box_side / 2)
    start = np.maximum(anchor - anchor_side / 2, box - box_side / 2)
    return np.maximum(end - start, 0.0)
