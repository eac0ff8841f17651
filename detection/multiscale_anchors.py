"""Anchors of feature pyramids: sizes follow each level's stride. Computed once in NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MultiscaleAnchorGenerator:
    """The OD API's multiscale_anchor_generator.

    Attributes:
      min_level, max_level: level n has cells of 2^n pixels.
      anchor_scale: side of a level's smallest square anchor, in cells.
      aspect_ratios: width by height.
      scales_per_octave: sizes between one level and the next.
    """

    min_level: int
    max_level: int
    anchor_scale: float
    aspect_ratios: tuple[float, ...]
    scales_per_octave: int

    @property
    def anchors_per_location(self) -> list[int]:
        """Number of anchors in each cell, by feature map."""
        count = len(self.aspect_ratios) * self.scales_per_octave
        return [count] * (self.max_level - self.min_level + 1)

    def generate(self, grid_sizes: Sequence[tuple[int, int]], image_size: tuple[int, int]) -> np.ndarray:
        """See AnchorGenerator; the boxes of a cell come by aspect ratio, then by scale.

        Cells are centred, except along a side that is no multiple of the stride: there the OD API puts the
        first anchor's centre on the border.
        """
        by_map = []
        octaves = np.arange(self.scales_per_octave, dtype=np.float32) / np.float32(self.scales_per_octave)
        scales = np.tile(np.exp2(octaves), len(self.aspect_ratios))
        root = np.sqrt(np.repeat(np.array(self.aspect_ratios, np.float32), self.scales_per_octave))
        for level, (rows, columns) in enumerate(grid_sizes, start=self.min_level):
            stride = np.float32(2**level)
            base = stride * np.float32(self.anchor_scale)
            half = np.float32(0.5) * np.stack([scales / root * base, scales * root * base], axis=-1)
            offsets = [0.0 if side % 2**level else stride / 2 for side in image_size]
            y, x = (
                np.arange(count, dtype=np.float32) * stride + np.float32(offset)
                for count, offset in zip((rows, columns), offsets, strict=True)
            )
            centers = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, np.newaxis, :]
            corners = np.concatenate(np.broadcast_arrays(centers - half, centers + half), axis=-1)
            by_map.append(corners.reshape(-1, 4))
        inverse = np.float32(1.0) / np.array([*image_size, *image_size], np.float32)
        return (np.concatenate(by_map) * inverse).astype(np.float32)
