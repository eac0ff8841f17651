"""Reads evaluation examples (OD API feature names) from TFRecords, gzipped or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.trainer.records import ENCODED, MASK, SIDES, names_of, read_records
from detection.config.label_map import LabelMap
from detection.context import RECORD_FEATURES
from detection.errors import BadInput
from detection.preprocess import decode_image

_FEATURES = {
    ENCODED: tf.io.FixedLenFeature([], tf.string),
    "image/filename": tf.io.FixedLenFeature([], tf.string, default_value=""),
    "image/object/class/text": tf.io.RaggedFeature(tf.string),
    MASK: tf.io.RaggedFeature(tf.string),
    "image/object/is_crowd": tf.io.RaggedFeature(tf.int64),
    "image/object/difficult": tf.io.RaggedFeature(tf.int64),
    **{side: tf.io.RaggedFeature(tf.float32) for side in SIDES},
}


@dataclass(frozen=True)
class EvalExample:
    """One labelled image.

    `boxes` float32 [n, 4] normalised, `classes` int64 [n] ids of the label map, `crowd` and `difficult`
    bool [n]; `masks` are PNGs of the image's size, n or none at all; `memory` float32 [rows, length] are
    the context features, without a row where there are none or nobody asked.
    """

    filename: str
    encoded: bytes
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    difficult: NDArray[np.bool_]
    masks: tuple[bytes, ...] = ()
    memory: NDArray[np.float32] = field(default_factory=lambda: np.zeros([0, 1], np.float32))

    def pixels(self) -> NDArray[np.uint8]:
        """Decode to uint8 [height, width, 3]; grey images become RGB."""
        return decode_image(self.encoded).numpy()


def read_examples(
    files: Sequence[Path], label_map: LabelMap, *, skip_unknown: bool = False, context: bool = False
) -> Iterator[EvalExample]:
    """Yield the examples of TFRecord files, gzip where the name ends in .gz, in the order of their names.

    Classes are matched by name. Raises BadInput if there are no files, a file is damaged, or a class is not
    in `label_map`, unless `skip_unknown` leaves out its objects; with `context`, if context features make no
    rows.
    """
    if not files:
        raise BadInput(
            "there are no evaluation examples", "Split-eval", "give data.eval, or data.eval_fraction > 0"
        )
    wanted = _FEATURES | (RECORD_FEATURES if context else {})
    dataset = (
        read_records(names_of(files))
        .map(lambda record: tf.io.parse_single_example(record, wanted))
        .prefetch(8)
    )
    try:
        for features in dataset.as_numpy_iterator():
            yield _as_example(features, label_map, skip_unknown)
    except tf.errors.DataLossError as error:
        raise BadInput(
            f"the evaluation examples are damaged: {error.message}",
            ", ".join(map(str, files)),
            "run ExampleGen again with --force",
        ) from error


def _as_example(features: dict[str, Any], label_map: LabelMap, skip_unknown: bool) -> EvalExample:
    filename = features["image/filename"].decode()
    names = [name.decode() for name in features["image/object/class/text"]]
    ids = [label_map.id_of(name) for name in names]
    if None in ids and not skip_unknown:
        raise BadInput(
            f"the class {names[ids.index(None)]!r} is not in the label map",
            filename or "an evaluation example",
            "add the class to the label map, or correct the annotation",
        )
    known = np.array([one is not None for one in ids], bool)
    sides = [features[side] for side in SIDES]
    masks = features[MASK]
    return EvalExample(
        filename=filename,
        encoded=features[ENCODED],
        boxes=np.stack(sides, axis=-1).astype(np.float32)[known],
        classes=np.array([one for one in ids if one is not None], np.int64),
        crowd=_flags(features, "is_crowd", len(ids))[known],
        difficult=_flags(features, "difficult", len(ids))[known],
        masks=tuple(masks[known]) if len(masks) == len(ids) else (),
        memory=_memory(features, filename),
    )


def _memory(features: dict[str, Any], filename: str) -> NDArray[np.float32]:
    values = features.get("image/context_features", np.zeros(0, np.float32))
    length = int(features.get("image/context_feature_length", 0))
    if len(values) and (length < 1 or len(values) % length):
        raise BadInput(
            f"{len(values)} values of image/context_features make no rows of {length}",
            filename or "an evaluation example",
            "write the records with ExampleGen, which checks and quarantines",
        )
    return values.reshape(-1, max(1, length))


def _flags(features: dict[str, Any], name: str, count: int) -> NDArray[np.bool_]:
    """A flag of each object; files without it mean that it is not set."""
    values = features[f"image/object/{name}"]
    return values.astype(bool) if len(values) == count else np.zeros(count, bool)
