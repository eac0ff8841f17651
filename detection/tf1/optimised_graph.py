"""Variables of a graph that was optimised for inference: no reads any more, batch norms in the convolutions.

Sources: optimize_for_inference_lib.py and the Graph Transform Tool's fold_batch_norms. Both multiply a
convolution's weights by gamma / sqrt(variance + epsilon) and put a BiasAdd, with beta - mean * that, where
the batch norm was. They name the new constants as they like, so the graph's structure tells which is which.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import tensorflow as tf

from detection.errors import BadInput
from detection.tf1.graph_structure import producer

_LEAVES = frozenset(
    {
        "weights",
        "biases",
        "depthwise_weights",
        "pointwise_weights",
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    }
)
_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
_ADDITIONS = frozenset({"BiasAdd", "Add", "AddV2"})
_PASSES_ON = frozenset({"Identity", "BatchToSpaceND"})  # the latter ends a dilated convolution
_OPAQUE = frozenset({"_FusedConv2D", "_FusedDepthwiseConv2dNative", "QuantizedConv2D", "Dequantize"})
_FLOAT = tf.float32.as_datatype_enum


@dataclass
class OptimisedVariables:
    """`values`: variables by TF1 name. `folded`: by a convolution's TF1 scope, [C] of its folded batch norm.

    The weights of a scope in `folded` are the folded ones.
    """

    values: dict[str, np.ndarray] = field(default_factory=dict)
    folded: dict[str, np.ndarray] = field(default_factory=dict)


def optimised_variables(graph_def: tf.compat.v1.GraphDef, source: str) -> OptimisedVariables:
    """Recover the variables of an optimised graph.

    BadInput if the optimiser fused or quantised the convolutions, or made copies of weights that several
    feature maps share and folded another batch norm into each.
    """
    opaque = sorted({node.op for node in graph_def.node if node.op in _OPAQUE})
    if opaque:
        raise _refused(f"its convolutions were fused or quantised ({', '.join(opaque)})", source)
    graph = _Constants(graph_def)
    found = OptimisedVariables()
    convolutions = {name: node for name, node in graph.nodes.items() if node.op in _CONVOLUTIONS}
    # optimize_for_inference calls folded weights so; `S/depthwise_weights` may look like a variable's name
    renamed = {f"{name}_weights" for name in convolutions}
    for name, node in graph.nodes.items():
        is_float = node.op == "Const" and node.attr["dtype"].type == _FLOAT
        if is_float and name not in renamed and name.rsplit("/", 1)[-1] in _LEAVES:
            found.values[name] = graph.value(name)
    for name, node in convolutions.items():
        weights, offset = graph.constant(node.input[1]), graph.offset(name)
        if weights is None:
            continue
        scope, leaf = _variable_of(name, node.op)
        if weights.rsplit("/", 1)[-1] in _LEAVES and weights not in renamed:
            scope = weights.rsplit("/", 1)[0]
        else:
            _put(found.values, f"{scope}/{leaf}", graph.value(weights), source)
        if offset is not None and offset.rsplit("/", 1)[-1] != "biases":
            _put(found.folded, scope, graph.value(offset), source)
    return found


class _Constants:
    """Which constants reach a convolution, and the sum after it."""

    def __init__(self, graph_def: tf.compat.v1.GraphDef) -> None:
        self.nodes = {node.name: node for node in graph_def.node}
        self._consumers: dict[str, list[str]] = defaultdict(list)
        for node in graph_def.node:
            for edge in node.input:
                if not edge.startswith("^"):
                    self._consumers[producer(edge)].append(node.name)

    def constant(self, edge: str) -> str | None:
        """The float Const behind an edge, through identities."""
        node = self.nodes[producer(edge)]
        while node.op == "Identity":
            node = self.nodes[producer(node.input[0])]
        return node.name if node.op == "Const" and node.attr["dtype"].type == _FLOAT else None

    def value(self, name: str) -> np.ndarray:
        return tf.make_ndarray(self.nodes[name].attr["value"].tensor)

    def offset(self, convolution: str) -> str | None:
        """The Const that is added to a convolution's output; None if none is."""
        for consumer in self._after(convolution):
            node = self.nodes[consumer]
            if node.op in _ADDITIONS:
                added = [name for edge in node.input[:2] if (name := self.constant(edge)) is not None]
                if len(added) == 1:
                    return added[0]
        return None

    def _after(self, name: str) -> Iterator[str]:
        for consumer in self._consumers[name]:
            if self.nodes[consumer].op in _PASSES_ON:
                yield from self._after(consumer)
            else:
                yield consumer


def _variable_of(convolution: str, op: str) -> tuple[str, str]:
    """TF1 scope and leaf name of the weights of a convolution node, by slim's names of the nodes.

    `S/Conv2D` has `S/weights`, `S/depthwise` has `S/depthwise_weights`; slim's separable convolution has
    `S/separable_conv2d/depthwise` and `S/separable_conv2d` for its two. Where a variable scope was entered
    twice, as slim's backbones are, the nodes' scope repeats a part that the variables' does not.
    """
    *parts, last = convolution.split("/")
    scope = "/".join(part for part, _ in groupby(parts))
    if op == "DepthwiseConv2dNative":
        return scope.removesuffix("/separable_conv2d"), "depthwise_weights"
    return scope, "pointwise_weights" if last.startswith("separable_conv2d") else "weights"


def _put(values: dict[str, np.ndarray], name: str, value: np.ndarray, source: str) -> None:
    if name in values and not np.array_equal(values[name], value):
        raise _refused(f"it has two folded versions of {name}, which several feature maps shared", source)
    values[name] = value


def _refused(reason: str, source: str) -> BadInput:
    return BadInput(
        f"the variables can't be recovered from this optimised graph: {reason}",
        source,
        "give the frozen_inference_graph.pb as export_inference_graph.py wrote it, or the checkpoint",
    )
