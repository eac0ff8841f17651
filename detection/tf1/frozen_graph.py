"""Frozen TF1 inference graphs: reading them, getting the variables back out, running them as the reference.

Source: the Object Detection API's exporter writes `image_tensor` uint8 [?, ?, ?, 3] in, `detection_*` out.
Older exports have no `raw_detection_*`, so the raw predictions are found by the graph's structure, never by a
name that the exporter happened to give them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from detection.context import FEATURES, SIDE_INPUTS, ContextShape
from detection.errors import BadInput, first_line
from detection.tf1.decoded_graph import DecodedTensors, find_decoded_tensors
from detection.tf1.graph_structure import RawTensors, find_raw_tensors, producer
from detection.tf1.rounding_graph import find_roundings
from detection.tf1.saved_model import SAVED_MODEL, saved_model_graph
from detection.tf1.two_stage_graph import TwoStageTensors, find_two_stage_tensors

INPUT = "image_tensor"
DETECTIONS = ("detection_boxes", "detection_scores", "detection_classes", "num_detections")
MASKS = "detection_masks"


def load_frozen_graph(path: Path) -> tf.compat.v1.GraphDef:
    """Read the GraphDef of a frozen graph's file or of a TF1 SavedModel's `saved_model.pb`.

    BadInput if the file is missing, truncated or not a frozen graph.
    """
    if not path.is_file():
        raise BadInput(
            "the frozen graph does not exist", str(path), "give the path of a frozen_inference_graph.pb"
        )
    graph_def = saved_model_graph(path) if path.name == SAVED_MODEL else _parsed(path)
    if not graph_def.node:
        raise BadInput(
            "the graph has no nodes",
            str(path),
            "give a frozen_inference_graph.pb; a SavedModel's file must be called saved_model.pb",
        )
    names = {node.name for node in graph_def.node}
    dangling = [
        node.name for node in graph_def.node if any(producer(edge) not in names for edge in node.input)
    ]
    if dangling:
        raise BadInput(
            f"the graph is cut off: {len(dangling)} nodes, such as {dangling[0]}, read nodes that are "
            "not in the file",
            str(path),
            "copy or download it again and compare the size with the original",
        )
    if any(node.op in ("VariableV2", "VarHandleOp") for node in graph_def.node):
        raise BadInput(
            "the graph still has variables: it is not frozen",
            str(path),
            "give the frozen_inference_graph.pb of the export, or the checkpoint next to this graph",
        )
    return graph_def


def _parsed(path: Path) -> tf.compat.v1.GraphDef:
    graph_def = tf.compat.v1.GraphDef()
    try:
        graph_def.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise BadInput(
            f"the file ends early or is no TensorFlow graph ({path.stat().st_size:,} bytes)",
            str(path),
            "copy or download it again and compare the size with the original; a SavedModel's file must be "
            "called saved_model.pb",
        ) from error
    return graph_def


def frozen_variables(graph_def: tf.compat.v1.GraphDef) -> dict[str, np.ndarray]:
    """Variables by TF1 name. Freezing left each as a Const that an Identity (`<name>/read`) reads."""
    constants = {node.name: node for node in graph_def.node if node.op == "Const"}
    names: dict[str, None] = {}
    for node in graph_def.node:
        if node.op != "Identity" or not node.input:
            continue
        source = producer(node.input[0])
        if source in constants and (node.name == f"{source}/read" or "ReadVariableOp" in node.name):
            names[source] = None
    return {name: tf.make_ndarray(constants[name].attr["value"].tensor) for name in names}


class FrozenDetector:
    """Runs a frozen TF1 detector exactly as it was written: no graph rewriting, no constant folding.

    Attributes:
        raw, two_stage: the inner tensors of a single-shot and of a two-stage detector.
        decoded: what a single-shot detector's non-maximum suppression reads.
        roundings: where the network rounds to 8 bits, by name; see find_roundings.
        detections: names of the outputs that `run` gives of any detector, masks among them if it has any.
        context_shape: of the memory that a Context R-CNN reads; None for any other.
    """

    def __init__(self, graph_def: tf.compat.v1.GraphDef, source: str = "frozen graph") -> None:
        """BadInput if the graph has no `image_tensor`, no `detection_*` outputs, or can't be loaded."""
        names = {node.name for node in graph_def.node}
        missing = [name for name in (INPUT, *DETECTIONS) if name not in names]
        if missing:
            raise BadInput(
                f"the graph is no Object Detection API export: it has no {', '.join(missing)}",
                source,
                "export again with input type image_tensor, or give the checkpoint and its pipeline.config",
            )
        self.raw: RawTensors | None = find_raw_tensors(graph_def)
        self.decoded: DecodedTensors | None = find_decoded_tensors(graph_def, self.raw) if self.raw else None
        self.two_stage: TwoStageTensors | None = find_two_stage_tensors(graph_def)
        self.roundings = find_roundings(graph_def)
        self.detections = (*DETECTIONS, MASKS) if MASKS in names else DETECTIONS
        self.context_shape = _context_shape(graph_def)
        self._fetches = {name: f"{name}:0" for name in self.detections}
        if self.raw is not None:
            self._fetches |= {
                "box_encodings": self.raw.box_encodings,
                "class_predictions_with_background": self.raw.class_predictions_with_background,
            }
        graph = tf.Graph()
        with graph.as_default():
            _import(graph_def, source)
        # Folding batch norms moves raw outputs by 1e-5, which would hide small errors of the model under
        # proof. A GPU's TF32 convolutions would move them by more than the tolerance of a proof.
        options = tf.compat.v1.ConfigProto(allow_soft_placement=True, device_count={"GPU": 0})
        options.graph_options.optimizer_options.opt_level = -1
        options.graph_options.rewrite_options.disable_meta_optimizer = True
        self._session = tf.compat.v1.Session(graph=graph, config=options)

    def run(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Detect on images uint8 [B, h, w, 3].

        Returns detection_boxes [B, M, 4], detection_scores [B, M], detection_classes [B, M] (label ids from
        1), num_detections [B], of Mask R-CNN detection_masks [B, M, h, w] too (probabilities), and for a
        single-shot detector box_encodings [B, A, 4] and class_predictions_with_background [B, A, C+1]; all
        float32.
        """
        return self._batched(self._fetches, images, {})

    def fetch(
        self, tensors: Iterable[str], images: np.ndarray, given: dict[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """Values of inner tensors ('FeatureExtractor/.../Relu6:0') by name, on uint8 [B, h, w, 3].

        `given` is what else the graph reads for each image, by the node's name: a Context R-CNN's memory (see
        detection.context), or the value that shall stand in for a node's own.
        """
        return self._batched({name: name for name in tensors}, images, given or {})

    def _batched(
        self, fetches: dict[str, str], images: np.ndarray, given: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        feeds = {INPUT: images.astype(np.uint8)} | given
        # One image at a time: some exports are fixed to batch 1, and the values of one image must not depend
        # on its neighbours.
        results = [
            self._session.run(
                fetches, feed_dict={f"{name}:0": value[None] for name, value in zip(feeds, one, strict=True)}
            )
            for one in zip(*feeds.values(), strict=True)
        ]
        stacked = {name: np.concatenate([result[name] for result in results]) for name in fetches}
        boxes = stacked.get("box_encodings")
        if boxes is not None and boxes.ndim == 4:  # [B, A, 1, 4] in exports of 2017
            stacked["box_encodings"] = boxes[:, :, 0]
        return stacked


def _import(graph_def: tf.compat.v1.GraphDef, source: str) -> None:
    """Puts the graph into the default one; BadInput for an op that TensorFlow has not, or a damaged node."""
    try:
        tf.graph_util.import_graph_def(graph_def, name="")
    except (ValueError, TypeError, tf.errors.OpError) as error:
        raise BadInput(
            f"TensorFlow can't load the graph: {first_line(error)}",
            source,
            "give the frozen_inference_graph.pb as export_inference_graph.py wrote it, or the checkpoint",
        ) from error


def _context_shape(graph_def: tf.compat.v1.GraphDef) -> ContextShape | None:
    inputs = {node.name: node for node in graph_def.node if node.op == "Placeholder"}
    if not inputs.keys() >= set(SIDE_INPUTS):
        return None
    size, length = (dim.size for dim in inputs[FEATURES].attr["shape"].shape.dim[1:])
    return ContextShape(size, length)
