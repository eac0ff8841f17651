"""Finds where a TF1 graph rounds to 8 bits between its layers, and passes over roundings of training only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import tensorflow as tf

from detection.tf1.graph_structure import producer

_FAKE_QUANT_OPS = frozenset({"FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"})


@dataclass(frozen=True)
class Rounding:
    """Tensor names ('op:0') of what is rounded, and of the result."""

    before: str
    after: str


def find_roundings(graph_def: tf.compat.v1.GraphDef) -> dict[str, Rounding]:
    """The roundings of what a concatenation reads, in the order of computation.

    Each by the scope of its range and its place in the concatenation, as in `scope/concat/0`.
    """
    nodes = {node.name: node for node in graph_def.node}
    found = {}
    for node in graph_def.node:
        if node.op != "ConcatV2":
            continue
        for place, edge in enumerate(node.input[:-1]):
            rounding = nodes[producer(edge)]
            if rounding.op in _FAKE_QUANT_OPS:
                scope = _range_of(rounding, nodes).rpartition("/")[0]
                before = f"{producer(rounding.input[0])}:0"
                found[f"{scope}/{place}"] = Rounding(before, f"{rounding.name}:0")
    return found


def without_fake_quantization(
    graph_def: tf.compat.v1.GraphDef, model: Collection[str] = ()
) -> tuple[tf.compat.v1.GraphDef, int]:
    """The float model in a graph of quantisation-aware training: fake quantisation passes its input on.

    But not where the range is a variable of the `model`: that is part of the float model too. Returns how
    many nodes were changed, too.
    """
    result = tf.compat.v1.GraphDef()
    result.CopyFrom(graph_def)
    nodes = {node.name: node for node in graph_def.node}
    changed = 0
    for node in result.node:
        if node.op in _FAKE_QUANT_OPS and _range_of(node, nodes) not in model:
            changed += 1
            node.op = "Identity"
            source = node.input[0]
            node.ClearField("input")
            node.input.append(source)
            node.ClearField("attr")
            node.attr["T"].type = tf.float32.as_datatype_enum
    return result, changed


def _range_of(rounding: tf.compat.v1.NodeDef, nodes: dict[str, tf.compat.v1.NodeDef]) -> str:
    """The variable that holds the lower end of a rounding's range."""
    node = nodes[producer(rounding.input[1])]
    while node.op == "Identity":  # a frozen variable is a Const that an Identity reads
        node = nodes[producer(node.input[0])]
    return str(node.name)
