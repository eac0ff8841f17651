"""A new model against those before it, with intervals: as a whole, by class, slice, and old classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from components.evaluator.bootstrap import Resamples, difference, resample
from components.evaluator.evaluate import EvaluatedModel
from components.evaluator.options import EvaluateOptions, MetricName
from components.evaluator.results import Difference, Differences, OldClasses, SliceResult
from components.evaluator.slices import Slice
from detection.config.label_map import LabelMap


@dataclass(frozen=True)
class Judge:
    """Compares models by one metric, always with the same draws of the images."""

    label_map: LabelMap
    metric: MetricName
    resamples: Resamples

    def differences(self, candidate: EvaluatedModel, baseline: EvaluatedModel) -> Differences:
        """All images, for every metric, and each class that has objects."""
        names: tuple[MetricName, ...] = get_args(MetricName)
        new, old = (resample(one.matches, self.resamples, names) for one in (candidate, baseline))
        ids = [item.id for item in self.label_map.items]
        confidence = self.resamples.confidence
        by_class = {
            item.name: difference(
                new.mean([item.id], self.metric), old.mean([item.id], self.metric), confidence
            )
            for item in self.label_map.items
        }
        return Differences(
            overall={
                name: difference(new.mean(ids, name), old.mean(ids, name), confidence) for name in names
            },
            by_class={name: one for name, one in by_class.items() if one.candidate is not None},
        )

    def slices(
        self, candidate: EvaluatedModel, baseline: EvaluatedModel, slices: Sequence[Slice], min_images: int
    ) -> list[SliceResult]:
        """The metric in each slice."""
        return [
            SliceResult(
                name=one.name,
                images=len(one.images),
                groundtruth_boxes=sum(int((~candidate.images[index].crowd).sum()) for index in one.images),
                too_small=len(one.images) < min_images,
                difference=self._of(candidate, baseline, candidate.matches, one.images),
            )
            for one in slices
        ]

    def old_classes(
        self,
        where: Literal["evaluation set", "old evaluation set"],
        candidate: EvaluatedModel,
        baseline: EvaluatedModel,
        tf1: EvaluatedModel,
        class_ids: Sequence[int],
    ) -> OldClasses:
        """The metric over the classes with these ids alone."""
        return OldClasses(
            where=where,
            classes=[item.name for item in self.label_map.items if item.id in class_ids],
            images=len(candidate.images),
            against_baseline=self._of(candidate, baseline, class_ids),
            against_tf1=self._of(candidate, tf1, class_ids),
        )

    def _of(
        self,
        candidate: EvaluatedModel,
        reference: EvaluatedModel,
        class_ids: Iterable[int],
        images: Sequence[int] | None = None,
    ) -> Difference:
        ids = list(class_ids)
        values = []
        for model in (candidate, reference):
            matches = {one: model.matches[one] for one in ids}
            if images is not None:
                matches = {one: some.subset(np.array(images)) for one, some in matches.items()}
            values.append(resample(matches, self.resamples, [self.metric]).mean(ids, self.metric))
        return difference(values[0], values[1], self.resamples.confidence)


def judge_of(label_map: LabelMap, metric: MetricName, options: EvaluateOptions) -> Judge:
    """A judge as the detector's YAML asks for it."""
    return Judge(label_map, metric, Resamples(options.resamples, options.confidence, options.seed))
