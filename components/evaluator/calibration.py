"""Whether scores are what they look like: of detections with 0.8, four in five should be right."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from components.evaluator.matching import ClassMatches
from components.evaluator.results import Calibration, CalibrationBin

_BINS = 10


def calibration(matches: Mapping[int, ClassMatches]) -> Calibration:
    """Reliability of scores at IoU 0.5 in ten bins of equal width.

    The expected calibration error is the mean distance between a bin's mean score and its precision,
    weighted by detections; None without any. Detections on crowds are left out.
    """
    scores = np.concatenate([np.zeros(0), *(one.scores[~one.ignored[0]] for one in matches.values())])
    right = np.concatenate([np.zeros(0, bool), *(one.right[0, ~one.ignored[0]] for one in matches.values())])
    place = np.clip((scores * _BINS).astype(int), 0, _BINS - 1)  # a score of 1 is in the last bin
    bins = []
    error = 0.0
    for index in range(_BINS):
        mine = place == index
        count = int(mine.sum())
        mean, precision = (float(scores[mine].mean()), float(right[mine].mean())) if count else (None, None)
        if mean is not None and precision is not None:
            error += count / len(scores) * abs(mean - precision)
        bins.append(
            CalibrationBin(
                low=index / _BINS,
                high=(index + 1) / _BINS,
                detections=count,
                mean_score=mean,
                precision=precision,
            )
        )
    return Calibration(error=error if len(scores) else None, bins=bins)
