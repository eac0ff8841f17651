"""Takes what a Context R-CNN remembers of the camera's other images along with its image."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf

from components.example_gen.records import ImageRecord
from components.example_gen.remarks import SetAside
from components.example_gen.sources import RecordSource
from components.example_gen.tfrecord import CONTEXT, CONTEXT_LENGTH

CODE = "DATA036"


def read_context(record: ImageRecord) -> bytes:
    """The serialised Example that has context features; empty where there are none. Raises OSError."""
    if record.context is None:
        return b""
    assert isinstance(record.source, RecordSource)
    return replace(record.source, offset=record.context.offset, length=record.context.size).read()


def check_context(example: bytes) -> dict[str, tf.train.Feature]:
    """CONTEXT and CONTEXT_LENGTH of what read_context gives, as they stand there; none of nothing.

    Raises:
      SetAside: the values are no float numbers, are not finite, or make no rows of the length that is stated.
    """
    if not example:
        return {}
    given = tf.train.Example.FromString(example).features.feature
    if given[CONTEXT].WhichOneof("kind") != "float_list":
        raise SetAside(CODE, f"{CONTEXT} are no float numbers")
    count = len(given[CONTEXT].float_list.value)
    # Serialised, they follow their length one after the other; to read each takes 20 times as long.
    packed = given[CONTEXT].float_list.SerializeToString()
    values = np.frombuffer(packed, "<f4", offset=len(packed) - 4 * count)
    stated: list[Any] = list(given[CONTEXT_LENGTH].int64_list.value)
    if len(stated) != 1 or stated[0] < 1:
        said = stated[0] if len(stated) == 1 else f"{len(stated)} numbers"
        raise SetAside(CODE, f"{CONTEXT_LENGTH} is {said}, for {len(values)} values")
    if len(values) % stated[0]:
        raise SetAside(CODE, f"{len(values)} values make no rows of {stated[0]}")
    broken = np.flatnonzero(~np.isfinite(values))
    if len(broken):
        raise SetAside(CODE, f"{len(broken)} of {len(values)} values are not finite")
    return {key: given[key] for key in (CONTEXT, CONTEXT_LENGTH)}
