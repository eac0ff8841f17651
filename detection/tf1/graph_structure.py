"""Finds the tensors that matter in a TF1 single-shot detector's graph by how they are connected."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import tensorflow as tf

POSTPROCESSOR = "Postprocessor/"
EXTRACTOR = "FeatureExtractor/"
_NEAR = 400  # nodes: a predictor is nearer than that to what leaves it


@dataclass(frozen=True)
class RawTensors:
    """Tensor names ('op:0') of a single-shot detector's predictions and of the stages before them."""

    box_encodings: str
    class_predictions_with_background: str
    preprocessed: str | None
    feature_maps: tuple[str, ...]


def producer(edge: str) -> str:
    """The node that an input string such as '^a', 'a' or 'a:1' names."""
    return edge.lstrip("^").split(":")[0]


class Graph:
    """A GraphDef by name, with who reads what."""

    def __init__(self, graph_def: tf.compat.v1.GraphDef) -> None:
        self.nodes = {node.name: node for node in graph_def.node}
        self.consumers: dict[str, list[str]] = defaultdict(list)
        for node in graph_def.node:
            for edge in node.input:
                self.consumers[producer(edge)].append(node.name)

    def entering(self, scope: Callable[[str], bool]) -> list[str]:
        """Nodes outside a scope that nodes inside it read, in the order in which they are read."""
        found: dict[str, None] = {}
        for name, node in self.nodes.items():
            if scope(name):
                for edge in node.input:
                    if not edge.startswith("^") and not scope(producer(edge)):
                        found[producer(edge)] = None
        return list(found)

    def upstream(self, start: str) -> Iterator[str]:
        """Names of the nodes before a node, nearest first."""
        seen, queue = {start}, deque([start])
        while queue:
            for edge in self.nodes[queue.popleft()].input:
                name = producer(edge)
                if name not in seen:
                    seen.add(name)
                    queue.append(name)
                    yield name

    def downstream(self, start: str, within: str) -> Iterator[str]:
        """Names of the nodes in a scope that a node's value reaches."""
        seen, stack = set(), [start]
        while stack:
            for name in self.consumers[stack.pop()]:
                if name.startswith(within) and name not in seen:
                    seen.add(name)
                    stack.append(name)
                    yield name

    def reaches(self, start: str, within: str, ops: frozenset[str]) -> bool:
        return any(self.nodes[name].op in ops for name in self.downstream(start, within))

    def leaving(self, start: str, within: str) -> list[str]:
        """Of a node in a scope and those that its value reaches there, the ones read from outside."""
        return [
            name
            for name in (start, *self.downstream(start, within))
            if any(not reader.startswith(within) for reader in self.consumers[name])
        ]


def find_raw_tensors(graph_def: tf.compat.v1.GraphDef) -> RawTensors | None:
    """The raw predictions that enter the post-processing; None for a graph that is no single-shot detector.

    Only box encodings pass through Exp (decoding a height and width); anchors and class predictions do not.
    Class predictions come from a predictor's scope, anchors and image shapes don't.
    """
    graph = Graph(graph_def)
    inputs = graph.entering(lambda name: name.startswith(POSTPROCESSOR))
    boxes = [name for name in inputs if graph.reaches(name, POSTPROCESSOR, frozenset({"Exp"}))]
    heads = [
        name
        for name in inputs
        if any("BoxPredictor" in before for before in islice(graph.upstream(name), _NEAR))
    ]
    classes = [name for name in heads if name not in boxes]
    if len(boxes) != 1 or len(classes) != 1:
        return None
    return RawTensors(
        box_encodings=f"{boxes[0]}:0",
        class_predictions_with_background=f"{classes[0]}:0",
        preprocessed=preprocessed_image(graph, EXTRACTOR),
        feature_maps=_feature_maps(graph),
    )


def preprocessed_image(graph: Graph, extractor: str) -> str | None:
    """The tensor that a feature extractor's scope reads from the preprocessor; None if it is not one."""
    images = [
        name
        for name in graph.entering(lambda name: name.startswith(extractor))
        if name.startswith("Preprocessor/") and graph.nodes[name].op != "Const"
    ]
    return f"{images[0]}:0" if len(images) == 1 else None


def _feature_maps(graph: Graph) -> tuple[str, ...]:
    """What the box predictors read from the feature extractor, finest level first."""
    entering = graph.entering(lambda name: "BoxPredictor" in name.split("/")[0])
    activations = [
        name for name in entering if name.startswith(EXTRACTOR) and graph.nodes[name].op != "Const"
    ]
    return tuple(f"{name}:0" for name in activations)
