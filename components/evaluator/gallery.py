"""The report's pictures: samples from best to worst, and the worst mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from components.evaluator.detections import ImageDetections
from components.evaluator.mistakes import Mistake, worst_false_positives, worst_misses
from components.evaluator.pictures import Picture, choose_samples, make_picture

_SAMPLES = 6
_MISTAKES = 4

Example = tuple[Callable[[], NDArray[np.uint8]], str]  # decodes the pixels; the file's name


@dataclass(frozen=True)
class Gallery:
    """Pictures for the report. `score` is the least of the detections in them."""

    samples: list[Picture]
    false_positives: list[Picture]
    misses: list[Picture]
    score: float


def make_gallery(
    images: Sequence[ImageDetections],
    examples: Iterable[Example],
    class_names: Mapping[int, str],
    score: float,
) -> Gallery:
    """Choose pictures and make them; only the examples that are chosen are decoded.

    Args:
      images: groundtruth and detections.
      examples: of the same images, in the same order.
      class_names: id -> name for people.
      score: the least of a detection that counts.
    """
    samples = choose_samples(images, _SAMPLES, score)
    wrong = worst_false_positives(images, score, _MISTAKES)
    missed = worst_misses(images, score, _MISTAKES)
    wanted = {*samples, *(one.image for one in wrong), *(one.image for one in missed)}
    made = {
        index: make_picture(images[index], pixels(), filename, class_names, score)
        for index, (pixels, filename) in enumerate(examples)
        if index in wanted
    }
    return Gallery(
        samples=[made[index] for index in samples],
        false_positives=[_one_detection(made[one.image], images[one.image], one, score) for one in wrong],
        misses=[_one_object(made[one.image], one) for one in missed],
        score=score,
    )


def _one_detection(picture: Picture, image: ImageDetections, mistake: Mistake, score: float) -> Picture:
    """All objects, and this detection alone."""
    shown = np.flatnonzero(image.detection_scores >= np.float32(score)).tolist()
    return replace(picture, predicted=[picture.predicted[shown.index(mistake.index)]])


def _one_object(picture: Picture, mistake: Mistake) -> Picture:
    """This object alone, and all detections."""
    return replace(picture, truth=[picture.truth[mistake.index]])
