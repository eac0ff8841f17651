"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import MATCHED_IOU, ImageDetections
from components.evaluator.flat_images import FlatImages, box_overlaps, flatten, near_pairs
from components.evaluator.greedy import Rules, take_objects
from components.evaluator.results import ConfusionMatrix
from detection.config.label_map import LabelMap


@dataclass(frozen=True)
class Pairing:
    """Flat indices of detections, less those on a crowd, and of the object of each, -1 for none."""

    flat: FlatImages
    detection: NDArray[np.int64]
    object: NDArray[np.int64]

    @property
    def missed(self) -> NDArray[np.int64]:
        """Objects that no detection has."""
        return np.setdiff1d(np.flatnonzero(~self.flat.crowd), self.object)


def pair(images: Sequence[ImageDetections], score: float) -> Pairing:
    """Pair detections with objects whatever their classes, by falling score, each with the best free one."""
    flat = flatten(images)
    sure = np.flatnonzero(flat.scores >= np.float32(score))
    pairs = near_pairs(flat, (flat.detections.image, flat.objects.image), sure, box_overlaps)
    near = np.unique(pairs.detection)
    turns = flat.turns(flat.detections.image, near)[np.searchsorted(near, pairs.detection)]
    rules = Rules(np.array([MATCHED_IOU]), flat.crowd[:, None], flat.crowd, last_of_equals=False)
    taken = take_objects(pairs, turns, rules)
    objects = np.full(len(flat.scores), -1)
    objects[taken.detection] = taken.object[:, 0]
    on_crowd = np.append(flat.crowd, False)[objects]  # -1 is the last one
    kept = sure[~on_crowd[sure]]
    return Pairing(flat, kept, objects[kept])


def confusion_matrix(images: Sequence[ImageDetections], label_map: LabelMap, score: float) -> ConfusionMatrix:
    """Count pairs with at least `score` at IoU 0.5; crowds are neither objects nor background."""
    row_of = {item.id: row for row, item in enumerate(label_map.items)}
    background = len(row_of)
    pairs = pair(images, score)
    truth, found = (
        np.array([row_of[one] for one in boxes.classes.tolist()] + [background])
        for boxes in (pairs.flat.objects, pairs.flat.detections)
    )
    counts = np.zeros((background + 1, background + 1), np.int64)
    np.add.at(counts, (truth[pairs.object], found[pairs.detection]), 1)
    np.add.at(counts[:, background], truth[pairs.missed], 1)
    return ConfusionMatrix(classes=label_map.names, counts=counts.tolist())
