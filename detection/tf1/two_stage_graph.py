"""Finds the tensors that matter in a TF1 two-stage detector's graph: both stages' inputs and predictions.

Sources: faster_rcnn_meta_arch.py, rfcn_meta_arch.py and their predictors. Scopes that hold variables have the
same names in every export; what lies between them is found by how it is connected.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice

import tensorflow as tf

from detection.tf1.graph_structure import Graph, preprocessed_image, producer

_FIRST_EXTRACTOR = "FirstStageFeatureExtractor/"
_SECOND_EXTRACTOR = "SecondStageFeatureExtractor/"
_FIRST_PREDICTOR = "FirstStageBoxPredictor/"
_SECOND_PREDICTOR = "SecondStageBoxPredictor/"
_DECODE = "Decode/"  # of the first stage; the second has one in its postprocessor's scope
_NEAR = 60  # nodes: the predictions are nearer than that to what decodes them
# the crops of use_matmul_crop_and_resize, which are many operations
_MATMUL_CROP = "MultiLevelMatMulCropAndResize/MultiLevelRoIAlign/"
# layers of boxes and classes
_BY_PROPOSAL = ("BoxEncodingPredictor/", "ClassPredictor/")
_BY_POSITION = ("refined_locations/", "class_predictions/")


@dataclass(frozen=True)
class TwoStageTensors:
    """Tensor names ('op:0'), in the order of computation.

    The heads' predictions are as they leave the predictor's scope, the proposals as the second stage reads
    them: reshape them by anchor or by proposal. `anchors` are those of the first stage.
    """

    preprocessed: str | None
    features: str
    rpn_box_encodings: str
    rpn_objectness_predictions_with_background: str
    anchors: str | None
    proposal_boxes_normalized: str
    refined_box_encodings: str
    class_predictions_with_background: str

    def by_name(self) -> dict[str, str | None]:
        """Tensor names by what a TwoStageDetector calls the same values."""
        return asdict(self)


def find_two_stage_tensors(graph_def: tf.compat.v1.GraphDef) -> TwoStageTensors | None:
    """The tensors of a Faster R-CNN, Mask R-CNN or R-FCN; None for any other graph."""
    graph = Graph(graph_def)
    pools_by_position = any(name.startswith(_SECOND_PREDICTOR + _BY_POSITION[0]) for name in graph.nodes)
    second = _BY_POSITION if pools_by_position else _BY_PROPOSAL
    layers = [(_FIRST_PREDICTOR, layer) for layer in _BY_PROPOSAL]
    layers += [(_SECOND_PREDICTOR, layer) for layer in second]
    heads = [name for name in (_prediction(graph, *layer) for layer in layers) if name is not None]
    if len(heads) != len(layers):
        return None
    inputs = _pooled_by_position(graph) if pools_by_position else _cropped(graph, heads[2])
    if inputs is None:
        return None
    features, proposals, rpn_boxes, objectness, boxes, classes = (f"{name}:0" for name in (*inputs, *heads))
    return TwoStageTensors(
        preprocessed=preprocessed_image(graph, _FIRST_EXTRACTOR),
        features=features,
        rpn_box_encodings=rpn_boxes,
        rpn_objectness_predictions_with_background=objectness,
        anchors=_anchors(graph, heads[0]),
        proposal_boxes_normalized=proposals,
        refined_box_encodings=boxes,
        class_predictions_with_background=classes,
    )


def _prediction(graph: Graph, predictor: str, layer: str) -> str | None:
    """What leaves a predictor's scope of what a layer in it computes; None if that is not one value."""
    biased = [
        name
        for name, node in graph.nodes.items()
        if name.startswith(predictor + layer) and node.op == "BiasAdd"
    ]
    found = graph.leaving(biased[-1], predictor) if biased else []
    return found[0] if len(found) == 1 else None


def _anchors(graph: Graph, rpn_boxes: str) -> str | None:
    """What the region proposals are decoded from, `[A, 4]` in pixels; None where the graph doesn't say."""
    read = _read_by(graph, _DECODE)
    found = [name for name in read if rpn_boxes not in set(islice(graph.upstream(name), _NEAR))]
    return f"{found[0]}:0" if len(read) == 2 and len(found) == 1 else None


def _cropped(graph: Graph, prediction: str) -> tuple[str, str] | None:
    """Features and proposals of Faster R-CNN: what the crops behind a prediction are made of.

    Mask R-CNN crops again, around the detections; those crops lead to no box.
    """
    for name in graph.upstream(prediction):
        node = graph.nodes[name]
        if node.op == "CropAndResize":
            return producer(node.input[0]), producer(node.input[1])
    if graph.nodes.keys() >= {f"{_MATMUL_CROP}ExpandDims", f"{_MATMUL_CROP}mul"}:
        features, proposals = (graph.nodes[f"{_MATMUL_CROP}{leaf}"] for leaf in ("ExpandDims", "mul"))
        return producer(features.input[0]), producer(proposals.input[0])
    return None


def _pooled_by_position(graph: Graph) -> tuple[str, str] | None:
    """Features and proposals of R-FCN, whose second stage sees the whole image and pools its predictions."""
    features = _read_by(graph, _SECOND_EXTRACTOR)
    proposals = [
        name for name in _read_by(graph, _SECOND_PREDICTOR) if not name.startswith(_SECOND_EXTRACTOR)
    ]
    return (features[0], proposals[0]) if len(features) == len(proposals) == 1 else None


def _read_by(graph: Graph, scope: str) -> list[str]:
    """Values from outside that a scope computes with."""
    entering = graph.entering(lambda name: name.startswith(scope))
    return [name for name in entering if graph.nodes[name].op != "Const"]
