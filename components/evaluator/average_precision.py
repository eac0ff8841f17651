"""COCO's average precision from matches, for many weightings of the images at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.evaluator.matching import IOU_THRESHOLDS, ClassMatches

_RECALLS = np.linspace(0, 1, 101)
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
    step = max(1, _MOST_NUMBERS // max(1, len(matches.scores)))
    for start in range(0, len(weights), step):
        part = weights[start : start + step]
        positives = part @ matches.groundtruth
        drawn = part[:, matches.image].astype(np.float64)
        all_so_far = None if matches.ignored.any() else np.cumsum(drawn, axis=1)
        for column, threshold in enumerate(chosen):
            so_far = all_so_far
            if so_far is None:
                so_far = np.cumsum(drawn * ~matches.ignored[threshold], axis=1)
            hits = np.flatnonzero(matches.right[threshold])
            result[start : start + step, column] = _at(drawn[:, hits], so_far[:, hits], positives)
    return result


def precision_at_recalls(matches: ClassMatches) -> NDArray[np.float64] | None:
    """COCO's interpolated precision [101] at IoU 0.5; None without an object of the class."""
    positives = matches.groundtruth.sum()
    if not positives:
        return None
    counted = ~matches.ignored[0]
    hits = np.flatnonzero(matches.right[0])
    found = np.arange(1, len(hits) + 1)
    precision = found / np.cumsum(counted)[hits]
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    place = np.searchsorted(found / positives, _RECALLS)
    return np.where(place < len(hits), np.append(envelope, 0.0)[place], 0.0)


def _at(
    right: NDArray[np.float64], so_far: NDArray[np.float64], positives: NDArray[np.int64]
) -> NDArray[np.float64]:
    """AP [weightings] at one threshold.

    Precision is highest at detections that are right, so only those are looked at. An image that is drawn
    twice has its detections twice in a row, where precision rises: its value after the last one counts.

    Args:
      right: how often each detection that is right was drawn, [weightings, right ones].
      so_far: how many detections there are up to each of these, [weightings, right ones].
      positives: objects, [weightings].
    """
    undefined = np.where(positives > 0, 0.0, np.nan)
    if not right.shape[1]:
        return undefined
    found = np.cumsum(right, axis=1)
    precision = found / np.maximum(so_far, 1.0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    recall = found / np.maximum(positives, 1)[:, None]
    reached = np.searchsorted(_RECALLS, recall, side="right")  # how many recall thresholds are reached
    newly = np.diff(reached, axis=1, prepend=0)
    return undefined + (envelope * newly).sum(axis=1) / len(_RECALLS)
