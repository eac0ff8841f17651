"""Pairs the detections of two models, whose order may differ where scores are almost equal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# detection_boxes [M, 4], detection_scores [M], detection_classes [M], num_detections []
Detections = dict[str, Any]


@dataclass(frozen=True)
class Matched:
    """The rows of each pair (of the reference, of the other), and what only one side has, in words."""

    reference_rows: list[int]
    other_rows: list[int]
    unmatched: tuple[str, ...]


def match_detections(reference: Detections, other: Detections, tolerance: float, threshold: float) -> Matched:
    """Pair each reference detection with the nearest of the same class within `tolerance` in box and score.

    Where only one side has a detection, rounding may excuse it: its score is at the score `threshold`, or the
    other side's list is full and its score is at the lowest that got in. Anything else is unmatched.
    """
    kept, found = _valid(reference), _valid(other)
    unused = np.ones(len(found[1]), bool)
    alone: list[tuple[float, str]] = []  # but for what the other side has no room for
    rows: list[tuple[int, int]] = []
    for row, (box, score, label) in enumerate(zip(*kept, strict=True)):
        boxes = np.abs(found[0] - box).max(axis=-1, initial=0.0)
        scores = np.abs(found[1] - score)
        cost = np.where(unused & (found[2] == label), np.maximum(boxes, scores), np.inf)
        nearest = int(cost.argmin()) if cost.size else -1
        if nearest < 0 or not cost[nearest] <= tolerance:
            if not score <= _lowest_of_full(other, found) + tolerance:
                alone.append((float(score), f"class {label:.0f} score {score:.4f} only in the TF1 graph"))
            continue
        unused[nearest] = False
        rows.append((row, nearest))
    alone += [
        (float(found[1][i]), f"class {found[2][i]:.0f} score {found[1][i]:.4f} only in the converted model")
        for i in np.flatnonzero(unused)
        if not found[1][i] <= _lowest_of_full(reference, kept) + tolerance
    ]
    unmatched = [text for score, text in alone if not abs(score - threshold) <= tolerance]
    return Matched([row for row, _ in rows], [row for _, row in rows], tuple(unmatched))


def _lowest_of_full(detections: Detections, valid: tuple[np.ndarray, np.ndarray, np.ndarray]) -> float:
    """The lowest score of a list that has no room for more; -inf if it has."""
    is_full = len(valid[1]) == len(detections["detection_scores"])
    return float(np.min(valid[1], initial=np.inf)) if is_full else -np.inf


def _valid(detections: Detections) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    count = int(detections["num_detections"])
    return (
        np.asarray(detections["detection_boxes"])[:count],
        np.asarray(detections["detection_scores"])[:count],
        np.asarray(detections["detection_classes"])[:count],
    )
