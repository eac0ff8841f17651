"""Which variables a graph's outputs depend on: slim also makes layers that feed nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf


def live_names(function: Any, variables: Mapping[str, tf.Variable]) -> set[str]:
    """Names of the `variables` that some output of a ConcreteFunction is computed from.

    The others, such as the fourth block of a Faster R-CNN ResNet's first stage, are in training checkpoints
    but in no frozen graph.
    """
    seen: set[str] = set()
    waiting = [tensor.op for tensor in function.graph.outputs]
    while waiting:
        operation = waiting.pop()
        if operation.name not in seen:
            seen.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs]
    captured = {id(outer): inner.op.name for outer, inner in function.graph.captures}
    return {name for name, variable in variables.items() if captured.get(id(_handle(variable))) in seen}


def _handle(variable: tf.Variable) -> tf.Tensor:
    """Of the first copy, where each device has one: a graph outside the replicas reads that."""
    copies = getattr(variable, "values", None)
    return (copies[0] if copies else variable).handle
