"""Precision, recall and F1 where detections are cut off in use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from components.evaluator.matching import ClassMatches
from components.evaluator.results import OperatingCounts, OperatingPoint
from detection.config.label_map import LabelMap

_SCORE_OF_NOTHING = 0.5
Source = Literal["given", "best F1", "nothing found"]


def operating_point(
    matches: Mapping[int, ClassMatches], label_map: LabelMap, score: float | None
) -> OperatingPoint:
    """Count at IoU 0.5 what has at least `score`; without one, the score with the best F1 over all classes.

    Of several such scores the highest is taken. The best score is that of these images: on others, F1 will
    be somewhat lower.
    """
    source, chosen = _best(matches) if score is None else ("given", score)
    by_class = {item.name: _counts([matches[item.id]], chosen) for item in label_map.items}
    return OperatingPoint(
        score=chosen, source=source, all=_counts(list(matches.values()), chosen), by_class=by_class
    )


def _best(matches: Mapping[int, ClassMatches]) -> tuple[Source, float]:
    scores = np.concatenate([np.zeros(0), *(one.scores[~one.ignored[0]] for one in matches.values())])
    right = np.concatenate([np.zeros(0, bool), *(one.right[0, ~one.ignored[0]] for one in matches.values())])
    if not right.any():
        return "nothing found", _SCORE_OF_NOTHING
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(right[order])
    objects = sum(int(one.groundtruth.sum()) for one in matches.values())
    f1 = 2 * found / (np.arange(1, len(found) + 1) + objects)
    f1[:-1][scores[:-1] == scores[1:]] = 0  # a score can't part equal ones
    return "best F1", float(scores[f1.argmax()])


def _counts(matches: list[ClassMatches], score: float) -> OperatingCounts:
    detections = found = objects = 0
    for one in matches:
        counted = (one.scores >= score) & ~one.ignored[0]
        detections += int(counted.sum())
        found += int((one.right[0] & counted).sum())
        objects += int(one.groundtruth.sum())
    return OperatingCounts(
        groundtruth=objects,
        detections=detections,
        true_positives=found,
        precision=found / detections if detections else None,
        recall=found / objects if objects else None,
        f1=2 * found / (detections + objects) if detections + objects else None,
    )
