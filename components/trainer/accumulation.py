"""A batch computed in parts, one after the other, so that it needs the memory of one part."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

Batch = TypeVar("Batch")
Result = TypeVar("Result")


def sum_over_parts(compute: Callable[[Batch], Result], batch: Batch, parts: int) -> Result:
    """What `compute` gives for equal parts of `batch`, added up; computed at once where `parts` is 1.

    Args:
      compute: of tensors with fewer rows than `batch`, a structure of tensors, or None, of any names.
      batch: a structure of tensors `[B, ...]`; B is a multiple of `parts`.
      parts: how many.
    """
    if parts == 1:
        return compute(batch)
    split = tf.nest.map_structure(lambda rows: _split(rows, parts), batch)
    # Traced once, called in the loop: the graph has one copy of the network however many parts there are.
    function = tf.function(compute, autograph=False)
    part_spec = tf.nest.map_structure(lambda rows: tf.TensorSpec(rows.shape[1:], rows.dtype), split)
    outputs = function.get_concrete_function(part_spec).structured_outputs
    there = [output is not None for output in tf.nest.flatten(outputs)]
    zeros = [
        tf.zeros(output.shape, output.dtype) for output in tf.nest.flatten(outputs) if output is not None
    ]

    def add(index: tf.Tensor, sums: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        found = tf.nest.flatten(function(tf.nest.map_structure(lambda rows: rows[index], split)))
        values = [value for value in found if value is not None]
        return index + 1, [total + value for total, value in zip(sums, values, strict=True)]

    _, sums = tf.while_loop(
        lambda index, _: index < parts, add, (tf.constant(0), zeros), parallel_iterations=1
    )
    remaining = iter(sums)
    return tf.nest.pack_sequence_as(outputs, [next(remaining) if real else None for real in there])


def _split(rows: tf.Tensor, parts: int) -> tf.Tensor:
    """`[B, ...]` -> `[parts, B / parts, ...]`, in order."""
    count = None if rows.shape[0] is None else rows.shape[0] // parts
    split = tf.reshape(rows, tf.concat([[parts, -1], tf.shape(rows)[1:]], axis=0))
    return tf.ensure_shape(split, [parts, count, *rows.shape[1:]])
