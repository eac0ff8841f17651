"""Finds what a TF1 single-shot detector's non-maximum suppression reads: decoded boxes and their scores."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import tensorflow as tf

from detection.tf1.graph_structure import POSTPROCESSOR, Graph, RawTensors, producer

_SUPPRESSION = "NonMaxSuppression"
_NEAR = 60  # nodes: the raw predictions are nearer than that to what is made of them


@dataclass(frozen=True)
class DecodedTensors:
    """Tensor names ('op:0'): boxes `[B, A, 1, 4]`, and scores `[B, A, C]` or, with background, C + 1."""

    boxes: str
    scores: str


def find_decoded_tensors(graph_def: tf.compat.v1.GraphDef, raw: RawTensors) -> DecodedTensors | None:
    """What is made of the `raw` predictions before suppression; None where the graph doesn't say."""
    graph = Graph(graph_def)
    inputs = graph.entering(lambda name: name.startswith(POSTPROCESSOR) and _SUPPRESSION in name)
    encodings, logits = producer(raw.box_encodings), producer(raw.class_predictions_with_background)
    before = {name: set(islice(graph.upstream(name), _NEAR)) for name in inputs}
    boxes = [name for name in inputs if encodings in before[name] and logits not in before[name]]
    scores = [name for name in inputs if logits in before[name] and encodings not in before[name]]
    if len(boxes) != 1 or not scores:
        return None
    return DecodedTensors(f"{boxes[0]}:0", f"{scores[0]}:0")
