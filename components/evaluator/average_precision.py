"""COCO's average precision from matches, for many weightings of the images at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from components.evaluator.matching import IOU_THRESHOLDS, ClassMatches

RECALLS = np.linspace(0, 1, 101)
_MOST_NUMBERS = 4_000_000  # of an array at a time


def average_precision(
    matches: ClassMatches, weights: NDArray[np.int64], thresholds: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """AP [weightings, thresholds], NaN where a weighting has no object of the class.

    Args:
      matches: of one class.
      weights: how often each image counts, [weightings, images]. Ones give COCO's AP; draws with
        replacement that of the drawn images.
      thresholds: indices of IoU_THRESHOLDS, None for all.
    """
    chosen = np.arange(len(IOU_THRESHOLDS)) if thresholds is None else thresholds
    result = np.full((len(weights), len(chosen)), np.nan)
    right_anywhere = np.flatnonzero(matches.right[chosen].any(axis=0))
    step = max(1, _MOST_NUMBERS // max(1, len(right_anywhere)))
    for start in range(0, len(weights), step):
        part = weights[start : start + step]
        by_image = np.ascontiguousarray(part.T, np.int32)
        positives = part @ matches.groundtruth
        needed = _needed(positives)
        everything = np.arange(len(matches.image))
        all_so_far = _drawn_up_to(by_image, matches.image, everything, right_anywhere)
        for column, threshold in enumerate(chosen):
            hits = np.flatnonzero(matches.right[threshold])
            ignored = np.flatnonzero(matches.ignored[threshold])
            so_far = all_so_far[np.searchsorted(right_anywhere, hits)]
            if len(ignored):
                so_far -= _drawn_up_to(by_image, matches.image, ignored, hits)
            found = _drawn_up_to(by_image, matches.image, hits, hits)
            np.maximum(so_far, 1, out=so_far)  # where no image up to here was drawn
            result[start : start + step, column] = _at(found, so_far, needed, positives)
    return result


def _drawn_up_to(
    by_image: NDArray[np.int32], image: NDArray[np.int64], some: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int32]:
    """How many of the detections `some` there are up to each of `ends` and with it, [ends, weightings].

    A loop over rows: numpy's cumsum goes down each column on its own, many times slower.

    Args:
      by_image: how often each image counts, [images, weightings].
      image: of each detection.
      some, ends: indices of detections, rising.
    """
    sums = np.zeros((len(ends), by_image.shape[1]), np.int32)
    before, total = 0, np.zeros(by_image.shape[1], np.int32)
    images, counts = image[some].tolist(), list(by_image)
    for until, row in zip(np.searchsorted(some, ends, side="right").tolist(), sums, strict=True):
        if until - before == 1:
            np.add(total, counts[images[before]], out=row)
        else:
            np.add(total, by_image[images[before:until]].sum(axis=0, dtype=np.int32), out=row)
        before, total = until, row
    return sums


def _needed(positives: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many objects must be found for each recall threshold, [weightings, 101]."""
    objects = np.maximum(positives, 1)[:, None]
    least = np.ceil(RECALLS * objects).astype(np.int64)
    # the product may have been rounded: what counts is the quotient
    least -= (least - 1) / objects >= RECALLS
    return least + (least / objects < RECALLS)


def precision_at_recalls(matches: ClassMatches, threshold: int = 0) -> NDArray[np.float64] | None:
    """COCO's interpolated precision [101] at IOU_THRESHOLDS[threshold]; None without an object."""
    positives = matches.groundtruth.sum()
    if not positives:
        return None
    hits = np.flatnonzero(matches.right[threshold])
    found = np.arange(1, len(hits) + 1)
    precision = found / np.cumsum(~matches.ignored[threshold])[hits]
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(found / positives, RECALLS)
    return np.where(place < len(hits), np.append(envelope, 0.0)[place], 0.0)


def _at(
    found: NDArray[np.int32],
    so_far: NDArray[np.int32],
    needed: NDArray[np.int64],
    positives: NDArray[np.int64],
) -> NDArray[np.float64]:
    """AP [weightings] at one threshold.

    Precision is highest at detections that are right, so only those are looked at. An image that is drawn
    twice has its detections twice in a row, where precision rises: its value after the last one counts.

    Args:
      found: how many right detections there are up to each of them, [right ones, weightings].
      so_far: how many detections there are up to each of these, at least 1, [right ones, weightings].
      needed: objects to be found for each recall threshold, [weightings, 101].
      positives: objects, [weightings].
    """
    hits, columns = found.shape
    if not hits:
        return np.where(positives > 0, 0.0, np.nan)
    envelope = np.empty((hits + 1, columns))
    np.divide(found, so_far, out=envelope[:hits])
    envelope[hits] = 0.0  # nothing is found at recalls that are not reached
    rows = list(envelope[:hits])
    for later, row in pairwise(reversed(rows)):
        np.maximum(row, later, out=row)
    # one search for all weightings: each is lifted above those before it
    beyond = found[-1].max() + 1
    lift = np.arange(columns, dtype=np.int32)[:, None] * (beyond + 1)
    wanted = np.minimum(needed, beyond).astype(np.int32) + lift
    place = np.searchsorted((found.T + lift).ravel(), wanted.ravel()).reshape(needed.shape)
    place = np.minimum(place - np.arange(columns)[:, None] * hits, hits)
    average = np.take_along_axis(envelope, place.T, axis=0).sum(axis=0) / len(RECALLS)
    return np.where(positives > 0, average, np.nan)
