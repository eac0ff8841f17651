"""Histograms with fixed bins, so that those of two shards add up and those of two spans compare."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

from pydantic import BaseModel

# Lower edges of the bins; the last bin has no upper end.
_ROOTS = [round(2 ** (-power / 2), 4) for power in range(14, 0, -1)]
BOX_SIZE_EDGES = [0.0, *_ROOTS]  # square root of the box's share of the image: 0.0078 to 0.7071
BOX_ASPECT_EDGES = [0.0, 0.1, 0.2, 0.333, 0.5, 0.667, 0.8, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0]  # width / height
OBJECT_EDGES = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0, 12.0, 20.0, 50.0, 100.0, 200.0]
PIXEL_EDGES = [0.0, 64.0, 128.0, 256.0, 384.0, 512.0, 640.0, 800.0, 1024.0, 1280.0, 1920.0, 2560.0, 4096.0]


class Histogram(BaseModel):
    """`counts[i]` values were at least `lower_edges[i]` and below the next edge."""

    lower_edges: list[float]
    counts: list[int]

    @classmethod
    def of(cls, lower_edges: Sequence[float]) -> Histogram:
        """An empty one."""
        return cls(lower_edges=list(lower_edges), counts=[0] * len(lower_edges))

    def add(self, values: Iterable[float]) -> None:
        """Counts values, each at least the first edge."""
        edges, counts = self.lower_edges, self.counts
        for value in values:
            counts[bisect_right(edges, value) - 1] += 1

    def merge(self, other: Histogram) -> None:
        """Adds the counts of another with the same bins."""
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]

    def distance(self, other: Histogram) -> float:
        """Kolmogorov and Smirnov's: the largest difference of the two cumulated shares, 0 to 1.

        0 where either is empty or has other bins: nothing is known then.
        """
        mine, theirs = sum(self.counts), sum(other.counts)
        if not mine or not theirs or self.lower_edges != other.lower_edges:
            return 0.0
        largest = below_mine = below_theirs = 0.0
        for one, two in zip(self.counts, other.counts, strict=True):
            below_mine += one / mine
            below_theirs += two / theirs
            largest = max(largest, abs(below_mine - below_theirs))
        return largest
