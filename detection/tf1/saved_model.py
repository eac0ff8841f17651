"""The serving graph of a TF1 SavedModel, with its variables put in as constants.

Source: exporter.py writes a SavedModel whose graph is frozen and whose `variables` folder is empty; other
exporters (Estimator, TPU) leave the variables in `variables/`.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from detection.errors import BadInput, first_line

SAVED_MODEL = "saved_model.pb"
_SERVE = "serve"
_VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})


def saved_model_graph(path: Path) -> tf.compat.v1.GraphDef:
    """The frozen GraphDef of a `saved_model.pb`.

    BadInput if the file is damaged, has no graph for serving, or is a TF2 SavedModel.
    """
    meta = _serving_meta_graph(path)
    if meta.HasField("object_graph_def"):
        raise BadInput(
            "this is a TF2 SavedModel, not a TF1 one",
            str(path),
            "give the TF2 checkpoint that was exported with it (checkpoint/ckpt-0) or the TF1 model",
        )
    if not any(node.op in _VARIABLES for node in meta.graph_def.node):
        return meta.graph_def
    outputs = [
        info.name.split(":")[0]
        for signature in meta.signature_def.values()
        for info in signature.outputs.values()
        if info.name
    ]
    config = tf.compat.v1.ConfigProto(device_count={"GPU": 0})
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph, config=config) as session:
        try:
            tf.compat.v1.saved_model.load(session, [_SERVE], str(path.parent))
        except (tf.errors.OpError, OSError, ValueError) as error:
            damaged = isinstance(error, tf.errors.OpError)  # whose first line says nothing of the file
            reason = "a file is damaged or cut off" if damaged else first_line(error)
            raise BadInput(
                f"the SavedModel's variables can't be read: {reason}",
                str(path.parent / "variables"),
                "copy the whole folder of the SavedModel again, `variables/` included",
            ) from error
        return tf.compat.v1.graph_util.convert_variables_to_constants(
            session, graph.as_graph_def(), sorted(set(outputs))
        )


def _serving_meta_graph(path: Path) -> meta_graph_pb2.MetaGraphDef:
    proto = saved_model_pb2.SavedModel()
    try:
        proto.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise BadInput(
            f"the file ends early or is no SavedModel ({path.stat().st_size:,} bytes)",
            str(path),
            "copy or download it again and compare the size with the original",
        ) from error
    if not any(meta.meta_info_def.tags for meta in proto.meta_graphs):
        raise BadInput(
            f"the file is no SavedModel, but perhaps a frozen graph ({path.stat().st_size:,} bytes)",
            str(path),
            "call it frozen_inference_graph.pb if it is one; else copy it again",
        )
    graphs = [meta for meta in proto.meta_graphs if set(meta.meta_info_def.tags) == {_SERVE}]
    if not graphs:
        tags = [" ".join(meta.meta_info_def.tags) for meta in proto.meta_graphs]
        raise BadInput(
            f"the SavedModel has no graph with the tag `{_SERVE}` (its tags: {', '.join(tags)})",
            str(path),
            "export it for serving, or give the checkpoint",
        )
    return graphs[0]
