"""Are the records fit to train on? A look at all of them before the training, without decoding an image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import Message

from components.trainer.context_checks import CONFIG as CONTEXT_CONFIG
from components.trainer.context_checks import VALUES as CONTEXT
from components.trainer.context_checks import context_columns, context_faults
from components.trainer.dataset import MAX_BOXES
from components.trainer.records import (
    ENCODED,
    LABEL,
    MASK,
    SIDES,
    SOURCE_ID,
    names_of,
    object_features,
    read_records,
)
from detection.context import RECORD_FEATURES, ContextShape, context_shape
from detection.errors import BadInput

_AT_A_TIME = 256
_WITH_CONTEXT = 8  # which may be 16 MB a record
_GREATEST_COORDINATE = 1.1  # more is in pixels: the OD API's own limit
_NOT_EXAMPLEGENS = "write the records with ExampleGen, which checks and quarantines"


@dataclass(frozen=True)
class Records:
    """What the files of a split hold.

    Attributes:
      images: records.
      objects: boxes in them.
      masks: whether each object has a mask; False where nobody asked.
      crowded: the names of the images with more objects than are trained on.
      by_class: number of objects of each class id that there is one of.
      with_context: images with context features; 0 where nobody asked.
      cut_context: the names of those with more of them than the model reads.
    """

    images: int = 0
    objects: int = 0
    masks: bool = False
    crowded: tuple[str, ...] = ()
    by_class: Mapping[int, int] = field(default_factory=dict)
    with_context: int = 0
    cut_context: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What a training needs of its records.

    Attributes:
      num_classes: of the model, without background: labels go from 1 to this.
      replaced: labels beyond that which the augmentations take away.
      masks: whether the model learns masks.
      context: of the memory that a Context R-CNN reads; None for others.
    """

    num_classes: int
    replaced: frozenset[int] = frozenset()
    masks: bool = False
    context: ContextShape | None = None


def wanted_records(model: Message, augmentations: Iterable[Message]) -> Wanted:
    """What training `model`, a DetectionModel, with `data_augmentation_options` needs."""
    any_model: Any = model
    two_stage = any_model.faster_rcnn
    predictor = two_stage.second_stage_box_predictor.mask_rcnn_box_predictor
    replaced: set[int] = set()
    for option in augmentations:
        step: Any = option
        replaced.update(step.remap_labels.original_labels)
        dropping = step.drop_label_probabilistically
        if step.HasField("drop_label_probabilistically") and dropping.drop_probability >= 1:
            replaced.add(dropping.label)
    return Wanted(
        getattr(any_model, any_model.WhichOneof("model")).num_classes,
        frozenset(replaced),
        two_stage.number_of_stages == 3 and predictor.predict_instance_masks,
        context_shape(model),
    )


def examine_records(files: Sequence[Path], wanted: Wanted) -> Records:
    """Reads all records and checks what would make a training fail, or learn nonsense.

    Raises:
      BadInput: there is no record, a file is damaged, or a record can't be trained on.
    """
    images = objects = objects_with_mask = with_context = 0
    first_without_mask = ""
    crowded: list[str] = []
    cut_context: list[str] = []
    by_class: Counter[int] = Counter()
    for file in sorted(files):
        for batch in _batches(file, wanted):
            names, counts = batch["names"], batch["counts"]
            for index, what, fix in _faults(batch, wanted):
                raise BadInput(f"{names[index]} {what}", str(file), fix)
            images += len(names)
            objects += int(counts[LABEL].sum())
            by_class.update(batch["values"][LABEL].tolist())
            crowded += [names[index] for index in np.flatnonzero(counts[LABEL] > MAX_BOXES)]
            if wanted.context:
                rows = batch["context"].sizes // wanted.context.length
                with_context += int((rows > 0).sum())
                cut_context += [names[index] for index in np.flatnonzero(rows > wanted.context.size)]
            if wanted.masks:
                with_mask = batch["with_mask"]
                objects_with_mask += int(with_mask.sum())
                lacking = np.flatnonzero(with_mask < counts[LABEL])
                first_without_mask = first_without_mask or (names[lacking[0]] if len(lacking) else "")
    if images == 0:
        raise BadInput(
            "there is no example to read",
            ", ".join(map(str, files)) or "no TFRecord file",
            "check the data section of the detector's YAML and the quarantine report",
        )
    if objects_with_mask and first_without_mask:
        raise BadInput(
            f"{first_without_mask} has an object without a mask, and others have one",
            ", ".join(map(str, files)),
            "set data.masks: true, which leaves such objects out; or false, to learn boxes and classes only",
        )
    return Records(
        images,
        objects,
        objects_with_mask > 0,
        tuple(crowded),
        dict(by_class),
        with_context,
        tuple(cut_context),
    )


def note_context(train: Records, evaluation: Records, shape: ContextShape, files: Sequence[Path]) -> None:
    """Prints what of the memory isn't there or isn't read.

    Raises:
      BadInput: no image to train on has any.
    """
    if not train.with_context:
        raise BadInput(
            f"a Context R-CNN learns from context features, and no training image has {CONTEXT}",
            ", ".join(map(str, files)),
            f"give TFRecords that have them, or remove {CONTEXT_CONFIG}: a Faster R-CNN is left",
        )
    for split, records in (("training", train), ("evaluation", evaluation)):
        without = records.images - records.with_context
        if without:
            print(
                f"{without} of {records.images} {split} images have no context features: "
                "to them, nothing is remembered",
                flush=True,
            )
        if records.cut_context:
            print(
                f"{len(records.cut_context)} {split} images have more context features than "
                f"max_num_context_features, such as {records.cut_context[0]}: "
                f"the first {shape.size} of each are read",
                flush=True,
            )


def _batches(file: Path, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """Of some records at a time: "names"; which are "empty"; "counts" and values by feature.

    Also "with_mask" and "context", where they are wanted.
    """
    features = {
        **SOURCE_ID,
        ENCODED: tf.io.FixedLenFeature([], tf.string, default_value=""),
        **object_features(wanted.masks),
        **(RECORD_FEATURES if wanted.context else {}),
    }
    records = read_records(names_of([file])).batch(_WITH_CONTEXT if wanted.context else _AT_A_TIME)
    try:
        for parsed in records.map(lambda batch: tf.io.parse_example(batch, features)):
            columns = {name: parsed[name] for name in (*SIDES, LABEL)}
            found = {
                "names": [name.decode(errors="replace") for name in parsed["image/source_id"].numpy()],
                "empty": (tf.strings.length(parsed[ENCODED]) == 0).numpy(),
                "counts": {name: column.row_lengths().numpy() for name, column in columns.items()},
                "values": {name: column.values.numpy() for name, column in columns.items()},
            }
            if wanted.context:
                found["context"] = context_columns(parsed)
            if wanted.masks:
                there = tf.cast(tf.strings.length(parsed[MASK]) > 0, tf.int64)
                found["with_mask"] = tf.reduce_sum(there, axis=1).numpy()
            yield found
    except (tf.errors.InvalidArgumentError, tf.errors.DataLossError) as error:
        raise BadInput(
            f"a record can't be read: {error.message.partition(chr(10))[0]}", str(file), _NOT_EXAMPLEGENS
        ) from error


def _faults(batch: dict[str, Any], wanted: Wanted) -> Iterator[tuple[int, str, str]]:
    """Index of a record that can't be trained on, what it has, and what to do."""
    counts, values = batch["counts"], batch["values"]
    for index in np.flatnonzero(batch["empty"]):
        yield int(index), "has no image/encoded", _NOT_EXAMPLEGENS
    for side in SIDES:
        for index in np.flatnonzero(counts[side] != counts[LABEL]):
            what = f"has {counts[LABEL][index]} values of {LABEL} and {counts[side][index]} of {side}"
            yield int(index), what, _NOT_EXAMPLEGENS
    if wanted.context:
        yield from context_faults(batch["context"], wanted.context, _NOT_EXAMPLEGENS)
    owner = np.repeat(np.arange(len(batch["names"])), counts[LABEL])
    labels, classes = values[LABEL], wanted.num_classes
    known = (labels >= 1) & (labels <= classes) | np.isin(labels, list(wanted.replaced))
    for place in np.flatnonzero(~known):
        what = f"has an object of class {labels[place]}, the model has the classes 1 to {classes}"
        yield int(owner[place]), what, "make num_classes and the label map those of the data"
    boxes = np.stack([values[side] for side in SIDES], axis=-1)
    ordered = (boxes[:, :2] <= boxes[:, 2:]).all(axis=1)  # not so where a corner is no number
    for place in np.flatnonzero(~(ordered & (np.abs(boxes) <= _GREATEST_COORDINATE).all(axis=1))):
        box = ", ".join(f"{corner:g}" for corner in boxes[place])
        what = f"has the box [{box}], which is not [ymin, xmin, ymax, xmax] in fractions of the image"
        yield int(owner[place]), what, _NOT_EXAMPLEGENS
