"""Intervals of the difference between two models, from draws of the images with replacement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.evaluator.average_precision import average_precision
from components.evaluator.matching import IOU_THRESHOLDS, ClassMatches
from components.evaluator.options import MetricName
from components.evaluator.results import Difference

_THRESHOLDS: dict[MetricName, list[int]] = {
    "mAP": list(range(len(IOU_THRESHOLDS))),
    "mAP_50": [0],
    "mAP_75": [5],
}


@dataclass(frozen=True)
class Resamples:
    """How the images are drawn: `count` times as many as there are, with the interval's `confidence`."""

    count: int
    confidence: float
    seed: int

    def weights(self, images: int) -> NDArray[np.int64]:
        """How often each image counts, int64 [1 + count, images]: first once each, then by the draws."""
        if images == 0:
            return np.ones((1, 0), np.int64)
        draws = np.random.default_rng(self.seed).multinomial(images, np.full(images, 1 / images), self.count)
        return np.concatenate([np.ones((1, images), np.int64), draws.astype(np.int64)])


@dataclass(frozen=True)
class ResampledPrecision:
    """One model's AP by class, [1 + draws, thresholds]: first of the images themselves, then of each draw."""

    by_class: Mapping[int, NDArray[np.float64]]
    thresholds: list[int]

    def mean(self, class_ids: Iterable[int], metric: MetricName) -> NDArray[np.float64]:
        """The metric [1 + draws] over some classes; a class without objects takes no part, NaN if none."""
        columns = [self.thresholds.index(one) for one in _THRESHOLDS[metric]]
        chosen = [self.by_class[one][:, columns].mean(axis=1) for one in class_ids if one in self.by_class]
        if not chosen:
            return np.full(1, np.nan)
        stacked = np.stack(chosen)
        counted = (~np.isnan(stacked)).sum(axis=0)
        total = np.nansum(stacked, axis=0)
        return np.divide(total, counted, out=np.full(len(total), np.nan), where=counted > 0)


def resample(
    matches: Mapping[int, ClassMatches], resamples: Resamples, metrics: Iterable[MetricName]
) -> ResampledPrecision:
    """The AP of a model in every draw. Two models with the same number of images get the same draws."""
    thresholds = sorted({index for metric in metrics for index in _THRESHOLDS[metric]})
    images = len(next(iter(matches.values())).groundtruth) if matches else 0
    weights = resamples.weights(images)
    chosen = np.array(thresholds)
    return ResampledPrecision(
        {class_id: average_precision(one, weights, chosen) for class_id, one in matches.items()}, thresholds
    )


def difference(
    candidate: NDArray[np.float64], baseline: NDArray[np.float64], confidence: float
) -> Difference:
    """Two models' values [1 + draws] as the measured pair and the percentile interval of its difference.

    No interval where the metric is undefined in half of the draws: too few images have what it measures.
    """
    draws = (candidate - baseline)[1:]
    draws = draws[~np.isnan(draws)]
    low = high = None
    if 2 * len(draws) > len(candidate) - 1:
        tail = (1 - confidence) / 2
        low, high = (float(value) for value in np.quantile(draws, [tail, 1 - tail]))
    return Difference(candidate=_value(candidate[0]), baseline=_value(baseline[0]), low=low, high=high)


def _value(number: float) -> float | None:
    return None if np.isnan(number) else float(number)
