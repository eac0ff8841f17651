"""Finds the tensors that matter in a TF1 two-stage detector's graph: both stages' inputs and predictions."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import tensorflow as tf

from detection.tf1.graph_structure import Graph, preprocessed_image, producer

_EXTRACTOR = "FirstStageFeatureExtractor/"


@dataclass(frozen=True)
class TwoStageTensors:
    """Tensor names ('op:0'), in the order of computation.

    The heads' predictions are as they leave the last layer: reshape them by anchor or by proposal.
    """

    preprocessed: str | None
    features: str
    rpn_box_encodings: str
    rpn_objectness_predictions_with_background: str
    proposal_boxes_normalized: str
    refined_box_encodings: str
    class_predictions_with_background: str

    def by_name(self) -> dict[str, str | None]:
        """Tensor names by what FasterRCNN calls the same values."""
        return asdict(self)


def find_two_stage_tensors(graph_def: tf.compat.v1.GraphDef) -> TwoStageTensors | None:
    """The tensors of a Faster R-CNN; None for any other graph.

    Proposals and features are what crop_and_resize reads; predictions leave the variables' scopes.
    """
    graph = Graph(graph_def)
    # Mask R-CNN crops twice: for the boxes first
    crops = [node for node in graph_def.node if node.op == "CropAndResize"][:1]
    heads = [
        _last_of(graph, f"{stage}StageBoxPredictor/{layer}/")
        for stage in ("First", "Second")
        for layer in ("BoxEncodingPredictor", "ClassPredictor")
    ]
    if not crops or None in heads:
        return None
    features, proposals = (producer(edge) for edge in crops[0].input[:2])
    rpn_boxes, objectness, boxes, classes = (f"{name}:0" for name in heads)
    return TwoStageTensors(
        preprocessed=preprocessed_image(graph, _EXTRACTOR),
        features=f"{features}:0",
        rpn_box_encodings=rpn_boxes,
        rpn_objectness_predictions_with_background=objectness,
        proposal_boxes_normalized=f"{proposals}:0",
        refined_box_encodings=boxes,
        class_predictions_with_background=classes,
    )


def _last_of(graph: Graph, scope: str) -> str | None:
    """The node of a layer that others read: its bias added."""
    found = [name for name, node in graph.nodes.items() if re.match(scope, name) and node.op == "BiasAdd"]
    return found[-1] if found else None
