"""Which detections are right, by COCO's rules: found out once, summed up many times."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from faster_coco_eval.core import mask
from numpy.typing import NDArray

from components.evaluator.detections import ImageDetections, RleMask
from components.evaluator.flat_images import (
    FlatImages,
    Overlap,
    box_overlaps,
    flatten,
    groups_by_class,
    near_pairs,
)
from components.evaluator.greedy import Rules, Taken, take_objects

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
Kind = Literal["bbox", "segm"]
Size = Literal["all", "small", "medium", "large"]
Indices = NDArray[np.int64]
Areas = tuple[NDArray[np.float64], NDArray[np.float64]]  # square pixels of objects and of detections
_MOST_DETECTIONS = 100
_LIMITS = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)
# square pixels, both ends included
_AREAS: dict[Size, tuple[float, float]] = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


@dataclass(frozen=True)
class ClassMatches:
    """The detections of one class over all images, by falling score; equal ones in the images' order.

    Attributes:
      image: int64 [n], index of the image.
      scores: float64 [n].
      right: bool [10, n], whether it has an object to itself, by IoU threshold.
      ignored: bool [10, n], whether it lies on a crowd, and so is neither right nor wrong.
      groundtruth: int64 [images], objects to be found.
    """

    image: NDArray[np.int64]
    scores: NDArray[np.float64]
    right: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    groundtruth: NDArray[np.int64]

    def subset(self, images: NDArray[np.int64]) -> ClassMatches:
        """The same of some images, whose indices rise; they are numbered anew."""
        number = np.full(len(self.groundtruth), -1)
        number[images] = np.arange(len(images))
        kept = number[self.image] >= 0
        return ClassMatches(
            number[self.image[kept]],
            self.scores[kept],
            self.right[:, kept],
            self.ignored[:, kept],
            self.groundtruth[images],
        )


class Matches(Mapping[int, ClassMatches]):
    """The matches of each class; `of_size` has those of small, medium and large objects."""

    def __init__(self, flat: FlatImages, areas: Areas, taken: Taken, members: dict[int, Indices]) -> None:
        """Keep what `match` found: square pixels of objects and detections, and each class's detections."""
        self._flat, self._areas, self._taken, self._members = flat, areas, taken, members
        self._row = np.full(len(flat.scores), -1)
        self._row[taken.detection] = np.arange(len(taken.detection))
        self._of_all = {class_id: self.of_size(class_id, "all") for class_id in members}

    def __getitem__(self, class_id: int) -> ClassMatches:
        return self._of_all[class_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._of_all)

    def __len__(self) -> int:
        return len(self._of_all)

    def of_size(self, class_id: int, size: Size) -> ClassMatches:
        """Matches of a class where objects of other sizes are ignored, as in COCO.

        So are detections that lie on such an object, or on none and have another size themselves.
        """
        outside_objects, outside_detections = (_outside(areas, size) for areas in self._areas)
        passed_over = self._flat.crowd | outside_objects
        members = self._members[class_id]
        ignored = np.repeat(outside_detections[members][:, None], len(_LIMITS), axis=1)
        right = np.zeros_like(ignored)
        rows = self._row[members]
        near = np.flatnonzero(rows >= 0)
        start = list(_AREAS).index(size) * len(_LIMITS)
        objects = self._taken.object[rows[near], start : start + len(_LIMITS)]
        none = objects < 0
        right[near] = ~none & ~passed_over[objects]
        ignored[near] = np.where(none, ignored[near], passed_over[objects])
        there = (self._flat.objects.classes == class_id) & ~passed_over
        return ClassMatches(
            self._flat.detections.image[members],
            self._flat.scores[members],
            np.ascontiguousarray(right.T),
            np.ascontiguousarray(ignored.T),
            np.bincount(self._flat.objects.image[there], minlength=self._flat.count),
        )


def match(images: Sequence[ImageDetections], class_ids: Iterable[int], kind: Kind = "bbox") -> Matches:
    """Match the detections of each class to its objects.

    As in COCO: by falling score, at most 100 detections of a class in an image, each takes the free object
    with the highest IoU; at any IoU threshold, an object is found once.

    Args:
      images: groundtruth and detections.
      class_ids: the classes.
      kind: whether boxes are compared, or masks (segm), which every image must then have.
    """
    flat = flatten(images)
    groups = groups_by_class(flat)
    everything = np.arange(len(flat.scores))
    counted = np.flatnonzero(flat.turns(groups[0], everything) < _MOST_DETECTIONS)
    areas, overlap = _of_masks(images) if kind == "segm" else _of_boxes(flat)
    pairs = near_pairs(flat, groups, counted, overlap)
    near = np.unique(pairs.detection)
    turns = flat.turns(groups[0], near)[np.searchsorted(near, pairs.detection)]
    ignored = [np.tile((flat.crowd | _outside(areas[0], size))[:, None], len(_LIMITS)) for size in _AREAS]
    rules = Rules(np.tile(_LIMITS, len(_AREAS)), np.concatenate(ignored, axis=1), flat.crowd)
    members = {one: counted[flat.detections.classes[counted] == one] for one in class_ids}
    by_score = {one: some[np.argsort(-flat.scores[some], kind="stable")] for one, some in members.items()}
    return Matches(flat, areas, take_objects(pairs, turns, rules), by_score)


def _outside(areas: NDArray[np.float64], size: Size) -> NDArray[np.bool_]:
    least, most = _AREAS[size]
    return (areas < least) | (areas > most)


def _of_boxes(flat: FlatImages) -> tuple[Areas, Overlap]:
    return (flat.objects.area, flat.detections.area), box_overlaps


def _of_masks(images: Sequence[ImageDetections]) -> tuple[Areas, Overlap]:
    objects = [one for image in images for one in image.groundtruth_masks or ()]
    detections = [one for image in images for one in image.detection_masks or ()]

    def overlap(flat: FlatImages, found: Indices, there: Indices) -> NDArray[np.float64]:
        """Of pairs that stand by detection."""
        iou = np.zeros(len(found))
        edges = [*np.flatnonzero(np.diff(found, prepend=-1)).tolist(), len(found)]
        for start, stop in pairwise(edges):
            theirs = there[start:stop].tolist()
            crowd = flat.crowd[theirs].astype(int).tolist()
            iou[start:stop] = mask.iou([detections[found[start]]], [objects[one] for one in theirs], crowd)[0]
        return iou

    return (_mask_areas(objects), _mask_areas(detections)), overlap


def _mask_areas(masks: list[RleMask]) -> NDArray[np.float64]:
    return np.array(mask.area(masks) if masks else [], np.float64)
