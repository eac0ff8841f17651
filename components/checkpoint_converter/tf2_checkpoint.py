"""Reads TF2 object-based checkpoints of the Object Detection API, as a training or its exporter writes them.

The object graph in the checkpoint says of every value which object holds it, which name Keras gave it, and
which optimizer slots go with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tensorflow.core.protobuf import trackable_object_graph_pb2 as object_graph_pb2

from components.checkpoint_converter.bookkeeping import OPTIMIZER_SLOT
from components.checkpoint_converter.tf2_names import ARCHITECTURES, architecture_of, tf1_names
from components.checkpoint_converter.tf2_refused import refuse_other_models
from detection.config import architectures
from detection.config.keras_twins import in_tf2_terms
from detection.errors import BadInput

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"  # only TF2's object-based checkpoints hold it
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
_AVERAGE = "average"  # the slot in which TF2's optimizer keeps a variable's moving average
_MODEL = "model/"
# Objects beside the model, by the start of their path, and why they are none of it.
_BESIDE = (
    ("optimizer/", "optimizer state"),
    ("step/", "step counter of training"),
    ("save_counter/", "counter of saves"),
)


@dataclass(frozen=True)
class TF2Variables:
    """A detector's variables by TF1 name, as sources.TF1Variables has them."""

    arrays: dict[str, np.ndarray]
    averages: dict[str, np.ndarray]
    ignored: dict[str, str]


@dataclass(frozen=True)
class _Objects:
    """Keys of a checkpoint reader: variables with their Keras names, slots as (variable's key, slot name)."""

    names: dict[str, str]
    slots: dict[str, tuple[str, str]]


def read_tf2_variables(reader: Any, prefix: str) -> TF2Variables:
    """The variables of the detector in an object-based checkpoint that tf.train.load_checkpoint opened.

    BadInput if it holds no detector, one that the native models do not compute, or a variable that no rule of
    tf2_names is about.
    """
    objects = _objects(reader)
    refuse_other_models(objects.names, prefix)
    model = {
        key: name
        for key, name in objects.names.items()
        if key.startswith(_MODEL) and key.endswith(_VALUE)  # early TF2 also put layers' settings there
    }
    targets = tf1_names(model, architecture_of(model, prefix), prefix)
    averages, ignored = {}, {}
    for key, (owner, slot) in objects.slots.items():
        if owner in targets and slot == _AVERAGE:
            averages[targets[owner]] = reader.get_tensor(key)
        else:
            ignored[f"{targets.get(owner, owner)}/{slot}"] = OPTIMIZER_SLOT
    for key in objects.names.keys() - targets.keys():
        ignored[key.removesuffix(_VALUE)] = next(
            (reason for start, reason in _BESIDE if key.startswith(start)), "no part of the model"
        )
    arrays = {target: reader.get_tensor(key) for key, target in targets.items()}
    return TF2Variables(arrays, averages, ignored)


def require_config(variables: Mapping[str, np.ndarray], config: Any, where: str) -> None:
    """BadInput unless a TF2 checkpoint's variables, by TF1 name, are of a config's architecture.

    `config` is in TF1's terms. Also if TF2's model with its options computes something else than TF1's.
    """
    in_tf2_terms(config)
    wanted = architectures.architecture_of(config.model)
    held = next(
        names.extractor
        for names in ARCHITECTURES
        if any(name.startswith(f"FeatureExtractor/{names.network}/") for name in variables)
    )
    if held != wanted:
        raise BadInput(
            f"the TF2 checkpoint is of {held}_keras, but the config's feature extractor is {wanted}",
            where,
            "give the pipeline.config that the checkpoint was trained with",
        )


def _objects(reader: Any) -> _Objects:
    graph = object_graph_pb2.TrackableObjectGraph.FromString(reader.get_tensor(OBJECT_GRAPH_KEY))
    keys = [
        {attribute.checkpoint_key: attribute.full_name for attribute in node.attributes}
        for node in graph.nodes
    ]
    slots = {
        key: (owner, slot.slot_name)
        for node in graph.nodes
        for slot in node.slot_variables
        for key in keys[slot.slot_variable_node_id]
        for owner in keys[slot.original_variable_node_id]
    }
    names = {key: name for held in keys for key, name in held.items() if key not in slots}
    return _Objects(names, slots)
