"""The proof of a single-shot detector's post-processing alone, on drawn raw predictions.

A few photographs show little of it: a threshold that no score is near, an anchor that finds nothing, a limit
that is not reached. Drawn predictions reach them all, and show which part of the post-processing differs.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from components.checkpoint_converter.match import match_detections
from components.checkpoint_converter.proof_stages import TOLERANCE, Arrays, Stage, failure, require_equal
from detection.tf1.decoded_graph import DecodedTensors
from detection.tf1.frozen_graph import DETECTIONS, FrozenDetector
from detection.tf1.graph_structure import RawTensors, producer

BOXES, CLASSES = "box_encodings", "class_predictions_with_background"
SUPPRESSION = "non_max_suppression"
_CLUSTER = 12  # anchors of about one place, so that their boxes overlap
_COLD = -30.0  # the logit of a class that is not there
_TRIES = 3  # of a draw, with noise from the second on


class Draw(NamedTuple):
    """What is drawn.

    Attributes:
      seed: of the random numbers.
      overflows: whether more is found than the limit of detections lets in; else less.
      one_class: whether all is of one class, for the limit of a class.
    """

    seed: int
    overflows: bool = False
    one_class: bool = False


DRAWS = (*map(Draw, range(8)), Draw(8, overflows=True), Draw(9, overflows=True, one_class=True))


def prove_postprocessing(
    postprocess: Callable[[Arrays], Arrays],
    oracle: FrozenDetector,
    raw: RawTensors,
    image: np.ndarray,
    score_threshold: float,
) -> list[Stage]:
    """What a model's `postprocess` and the TF1 graph's make of the same drawn raw predictions.

    `postprocess` takes the raw predictions by their names. Failed at the first part that differs: anchors,
    box coder, score converter, non-maximum suppression. Returns what was compared.
    """
    rows = oracle.fetch([raw.box_encodings, raw.class_predictions_with_background], image[None])
    encodings = rows[raw.box_encodings]
    logits = rows[raw.class_predictions_with_background]
    limit = oracle.fetch(["detection_scores:0"], image[None])["detection_scores:0"].shape[1]

    def both(drawn: Arrays, tensors: list[str]) -> tuple[Arrays, Arrays]:
        given = {
            producer(raw.box_encodings): drawn[BOXES].reshape(encodings.shape),
            producer(raw.class_predictions_with_background): drawn[CLASSES],
        }
        return oracle.fetch(tensors, image[None], given), postprocess(drawn)

    compared = []
    if oracle.decoded is not None:
        compared = _decoded(oracle.decoded, drawn_predictions(logits.shape, limit, DRAWS[0]), both)
        require_equal(compared, None)
    outputs = [f"{name}:0" for name in DETECTIONS]
    for draw in DRAWS:
        drawn = drawn_predictions(logits.shape, limit, draw)
        differences = (
            _difference(*both(_with_noise(drawn, number), outputs), score_threshold)
            for number in range(_TRIES)
        )
        found = list(takewhile(bool, differences))
        if len(found) == _TRIES:
            raise failure(SUPPRESSION, None, found[0])
    return compared


def _difference(reference: Arrays, converted: Arrays, score_threshold: float) -> str:
    """How the model's detections differ from the TF1 graph's, which are by tensor; "" if they don't."""
    sides = [{name: reference[f"{name}:0"][0] for name in DETECTIONS}]
    sides.append({name: converted[name][0] for name in DETECTIONS})
    rooms = [len(side["detection_scores"]) for side in sides]
    if rooms[0] != rooms[1]:
        return f"room for {rooms[0]} detections in the TF1 graph, for {rooms[1]} in the converted model"
    alone = match_detections(sides[0], sides[1], TOLERANCE, score_threshold).unmatched
    if not alone:
        return ""
    extents = [_extent(side) for side in sides]
    return f"{extents[0]} in the TF1 graph, {extents[1]} in the converted model: {'; '.join(alone[:3])}"


def _extent(detections: Arrays) -> str:
    count = int(detections["num_detections"])
    lowest = np.min(detections["detection_scores"][:count], initial=1.0)
    return f"{count} detections down to score {lowest:.4f}"


def _with_noise(drawn: Arrays, number: int) -> Arrays:
    """The same but for noise in the boxes: rounding that tips an overlap at the threshold tips it once."""
    noise = np.random.default_rng(number).normal(0, 1e-4 if number else 0, drawn[BOXES].shape)
    return drawn | {BOXES: drawn[BOXES] + noise.astype(np.float32)}


def _decoded(
    tensors: DecodedTensors, drawn: Arrays, both: Callable[[Arrays, list[str]], tuple[Arrays, Arrays]]
) -> list[Stage]:
    """Every anchor, every decoded box and every score, in the order of computation."""
    stages = []
    still = drawn | {BOXES: np.zeros_like(drawn[BOXES])}
    for block, name, given in (("anchors", "anchors", still), ("box_coder", "decoded_boxes", drawn)):
        reference, converted = both(given, [tensors.boxes, tensors.scores])
        boxes = converted["raw_detection_boxes"]
        stages.append(Stage(block, name, reference[tensors.boxes].reshape(boxes.shape), boxes))
    scores = reference[tensors.scores]
    own = converted["raw_detection_scores"]  # with background, which a graph may have cut off
    own = own[..., own.shape[-1] - scores.shape[-1] :]
    return [*stages, Stage("score_converter", "converted_scores", scores, own)]


def drawn_predictions(shape: tuple[int, ...], limit: int, draw: Draw) -> Arrays:
    """Raw predictions for class logits of `shape` `[1, A, C + 1]` and at most `limit` detections.

    Clusters of neighbouring anchors find something, each anchor one of two classes; all others find nothing.
    """
    _, anchors, columns = shape
    random = np.random.default_rng(draw.seed)
    logits = (_COLD - random.uniform(0, 5, shape)).astype(np.float32)
    logits[..., 0] = random.uniform(-1, 1, shape[:2])
    places = max(1, anchors // _CLUSTER)
    clusters = min(places, limit if draw.overflows else max(1, int(0.8 * limit) // _CLUSTER))
    for place in random.choice(places, clusters, replace=False):
        classes = [1, 1] if draw.one_class else random.integers(1, columns, 2)
        for anchor in range(place * _CLUSTER, min(anchors, (place + 1) * _CLUSTER)):
            least = random.choice([-8, -1, -1, -1])  # some are below any threshold, most above
            logits[0, anchor, random.choice(classes)] = random.uniform(least, 5)
    encodings = random.normal(0, [1.0, 1.0, 1.5, 1.5], (1, anchors, 4)).astype(np.float32)
    return {BOXES: encodings, CLASSES: logits}
