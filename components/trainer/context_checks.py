"""Are the records' context features those that a Context R-CNN can learn from?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from detection.context import ContextShape

VALUES, LENGTH = "image/context_features", "image/context_feature_length"
CONFIG = "model.faster_rcnn.context_config"


class ContextColumns(NamedTuple):
    """Of some records: the number of values, the stated length of a row, and whether all are finite."""

    sizes: NDArray[np.int64]
    lengths: NDArray[np.int64]
    finite: NDArray[np.bool_]


def context_columns(parsed: Mapping[str, tf.Tensor]) -> ContextColumns:
    """The columns of records that were parsed with RECORD_FEATURES."""
    values = parsed[VALUES]
    finite = values.with_values(tf.cast(tf.math.is_finite(values.values), tf.int32))
    # the least of no values is the greatest number
    return ContextColumns(
        values.row_lengths().numpy(),
        parsed[LENGTH].numpy(),
        (tf.reduce_min(finite, axis=1) > 0).numpy(),
    )


def context_faults(columns: ContextColumns, shape: ContextShape, fix: str) -> Iterator[tuple[int, str, str]]:
    """Index of a record whose memory can't be read, what it has, and what to do: `fix`, or something else."""
    there = columns.sizes > 0
    for index in np.flatnonzero(there & (columns.lengths != shape.length)):
        what = f"has context features of length {columns.lengths[index]}, the model reads {shape.length}"
        yield int(index), what, f"train a model with {CONFIG}.context_feature_length {columns.lengths[index]}"
    for index in np.flatnonzero(columns.sizes % shape.length):
        what = f"has {columns.sizes[index]} values of {VALUES}, which make no rows of {shape.length}"
        yield int(index), what, fix
    for index in np.flatnonzero(~columns.finite):
        yield int(index), f"has {VALUES} that are not finite", fix
