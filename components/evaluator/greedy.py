"""Objects to detections, by falling score: COCO's matching for all images at once.

A turn takes the next detection of every group of boxes that are compared with each other. They can't want the
same object, so a turn is one operation on arrays: there are as many turns as a group has detections, not as
all images have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.flat_images import Pairs

_PAIRS_AT_A_TIME = 50_000


@dataclass(frozen=True)
class Rules:
    """How objects are given away, with a column for each way of counting.

    Attributes:
      least_iou: [columns], below which a detection does not lie on an object.
      ignored: bool [objects, columns], taken only by a detection that lies on no other free one.
      shared: bool [objects], taken by any number of detections.
      last_of_equals: whether of objects with the same IoU the last one is taken, or else the first.
    """

    least_iou: NDArray[np.float64]
    ignored: NDArray[np.bool_]
    shared: NDArray[np.bool_]
    last_of_equals: bool = True


@dataclass(frozen=True)
class Taken:
    """Detections that lie on objects, rising, and what each has taken: [n, columns], -1 for nothing."""

    detection: NDArray[np.int64]
    object: NDArray[np.int64]


def take_objects(pairs: Pairs, turns: NDArray[np.int64], rules: Rules) -> Taken:
    """Give each detection the free object with the highest IoU.

    Args:
      pairs: which detections lie on which objects.
      turns: of the detection of each pair, [pairs]; those of equal turns never lie on the same object.
      rules: how.
    """
    towards = pairs.object if rules.last_of_equals else -pairs.object
    order = np.lexsort((towards, pairs.iou, pairs.detection, turns))
    detection, objects, iou = pairs.detection[order], pairs.object[order], pairs.iou[order]
    starts = np.flatnonzero(np.diff(detection, prepend=-1))
    taken = np.full((len(starts), len(rules.least_iou)), -1, np.int64)
    # A pair is worth its place, which rises with IoU, and more than all places if its object is not ignored.
    bonus = np.where(rules.ignored, 0, len(order))
    for begin, end in _runs(turns[order], starts):
        rows = slice(starts[begin], starts[end] if end < len(starts) else len(order))
        theirs = objects[rows]
        worth = np.arange(rows.start, rows.stop)[:, None] + bonus[theirs]
        worth[iou[rows, None] < rules.least_iou] = -1
        best = np.maximum.reduceat(worth, starts[begin:end] - rows.start, axis=0)
        row, column = np.nonzero(best >= 0)
        gone = objects[best[row, column] % len(order)]
        taken[begin + row, column] = gone
        alone = ~rules.shared[gone]
        bonus[gone[alone], column[alone]] = -2 * len(order)
    rising = np.argsort(detection[starts])
    return Taken(detection[starts][rising], taken[rising])


def _runs(turns: NDArray[np.int64], starts: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Detections, as indices of `starts`, to be looked at together: of one turn, and not too many."""
    if not len(starts):
        return []
    blocks = turns[starts] * (len(turns) // _PAIRS_AT_A_TIME + 1) + starts // _PAIRS_AT_A_TIME
    edges = [*np.flatnonzero(np.diff(blocks, prepend=-1)).tolist(), len(starts)]
    return list(zip(edges[:-1], edges[1:], strict=True))
