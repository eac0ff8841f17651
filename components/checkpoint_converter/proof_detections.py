"""Compares the final detections of both models on one image, pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.checkpoint_converter.match import match_detections
from components.checkpoint_converter.proof_stages import TOLERANCE, Arrays, Stage, failure
from detection.tf1.frozen_graph import DETECTIONS

_BLOCK = "postprocessing"


@dataclass(frozen=True)
class Paired:
    """The detections of both models that belong together: `stages` hold one row a pair.

    Attributes:
        count: how many pairs there are.
        unmatched: detections that only one side has, in words.
        replayed: whether the model's detections are of the TF1 graph's raw predictions.
    """

    stages: list[Stage]
    count: int
    unmatched: tuple[str, ...]
    replayed: bool


def compare_detections(
    reference: Arrays, converted: Arrays, replay: Callable[[], Arrays], threshold: float, number: int
) -> Paired:
    """The paired detections of proof image `number`, which agree; Failed if they don't.

    `reference` and `converted` have detections of a batch of one. By rounding an overlap at the NMS's
    threshold falls either way. Then what the model's post-processing makes of the TF1 graph's own raw
    predictions must agree, and that is what is returned; `replay` computes it.
    """
    rooms = [values["detection_scores"].shape[1] for values in (reference, converted)]
    if rooms[0] != rooms[1]:
        detail = f"room for {rooms[0]} detections in the TF1 graph, for {rooms[1]} in the converted model"
        raise failure(_BLOCK, number, detail)
    found = _paired(reference, converted, threshold, replayed=False)
    if found.unmatched:
        found = _paired(reference, replay(), threshold, replayed=True)
    if found.unmatched:
        raise failure(_BLOCK, number, "; ".join(found.unmatched[:3]))
    return found


def _paired(reference: Arrays, converted: Arrays, threshold: float, replayed: bool) -> Paired:
    of_image = [{name: values[name][0] for name in DETECTIONS} for values in (reference, converted)]
    found = match_detections(of_image[0], of_image[1], TOLERANCE, threshold)
    stages = [
        Stage(_BLOCK, name, reference[name][0][found.reference_rows], converted[name][0][found.other_rows])
        for name in ("detection_boxes", "detection_scores")
    ]
    return Paired(stages, len(found.reference_rows), found.unmatched, replayed)
