"""Reads the TFRecords of the Object Detection API, also those that others wrote with gaps."""

from __future__ import annotations

import math
import posixpath
import re
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from components.example_gen import file_systems
from components.example_gen.records import BoxRecord, ContextPlace, Finding, ImageRecord
from components.example_gen.sources import RecordSource
from components.example_gen.tfrecord_framing import Frame, read_frames
from components.example_gen.tree import Tree
from detection.errors import BadInput

# x.record, x.tfrecords.gz, x.record-00000-of-00010, x-00000-of-00010.tfrecord.gz
NAME = re.compile(r".*\.(tf_?)?records?(-\d+-of-\d+)?(\.gz)?|.*-\d{5}-of-\d{5}(\.gz)?", re.I)
CORNERS = ("xmin", "ymin", "xmax", "ymax")
OF_OBJECTS = ("class/text", "class/label", "difficult", "truncated", "group_of", "is_crowd", "mask")
CONTEXT, CONTEXT_LENGTH = "image/context_features", "image/context_feature_length"
_GZIP = b"\x1f\x8b"


def is_tfrecord(file: str) -> bool:
    """Whether a file is a TFRecord by its name."""
    return NAME.fullmatch(posixpath.basename(file)) is not None


def find_tfrecords(tree: Tree) -> list[str]:
    """The whole paths of a folder's TFRecords."""
    return [tree.path(file) for file in tree.files if is_tfrecord(file)]


def read_tfrecords(files: list[str], split: str, masks: bool = False) -> list[ImageRecord]:
    """The records of several files in their order; no picture is decoded.

    Boxes are shares of the image. Where an example has no class text, the label stays "" and `label_id` says
    what it has. A list of another length than the boxes' isn't used, but noted. Damaged stretches and
    examples that can't be read are records without a picture.

    Args:
      masks: whether each box gets its mask, where the example has them.

    Raises:
      BadInput: no TFRecord, or one whose examples have other features than the Object Detection API's.
    """
    return [record for file in files for record in _read_file(file, split, masks)]


def _read_file(file: str, split: str, masks: bool) -> Iterator[ImageRecord]:
    short = posixpath.basename(file)

    def damaged(name: str, detail: str) -> ImageRecord:
        problem = Finding(name, None, "DATA025", "quarantined", detail)
        return ImageRecord(split, name, None, file, problem=problem)

    with file_systems.open_binary(file) as stream, tempfile.TemporaryFile() as space:
        compressed = stream.read(2) == _GZIP
        stream.seek(0)
        cut = file_systems.unpack(stream, space) if compressed else None
        unpacked = cast(BinaryIO, space) if compressed else stream
        good = 0
        for part in read_frames(unpacked):
            name = f"{short} record {part.index + 1}"
            if isinstance(part, Frame):
                yield _record(part, name, file, compressed, split, masks, first=not good)
                good += 1
            elif part.offset == 0 and part.length == unpacked.seek(0, 2):
                raise BadInput("this is no TFRecord", file, "name TFRecords only, or another data.format")
            else:
                yield damaged(name, f"{part.reason}: {part.length} bytes at {part.offset} of {short}")
        if cut:
            yield damaged(f"{short} after its records", f"{cut}: what follows in {short} is lost")


def _record(
    frame: Frame, name: str, file: str, compressed: bool, split: str, masks: bool, first: bool
) -> ImageRecord:
    import tensorflow as tf

    def set_aside(detail: str) -> ImageRecord:
        problem = Finding(name, None, "DATA013", "quarantined", detail)
        return ImageRecord(split, name, None, file, problem=problem)

    try:
        example = tf.train.Example.FromString(frame.data)
    except Exception as error:  # protobuf's DecodeError has no stable home
        return set_aside(f"it is no tf.train.Example: {error}")
    given = example.features.feature
    features = {key: _values(feature) for key, feature in given.items() if key != CONTEXT}
    if "image/encoded" not in features:
        if first:
            raise BadInput(
                "the examples have no feature image/encoded",
                file,
                f"only the Object Detection API's are read; these have {', '.join(sorted(features)[:8])}",
            )
        return set_aside("it has no image/encoded")
    stated = _text(features, "image/filename") or _text(features, "image/source_id")
    name = stated or name
    encoded = next((v for v in features["image/encoded"] if isinstance(v, bytes)), b"")
    # bytes equal to the picture's, wherever they stand first, are the picture's
    source = RecordSource(file, frame.offset + frame.data.index(encoded), len(encoded), compressed)
    lists = {key: features.get(f"image/object/bbox/{key}", []) for key in CORNERS}
    counts = {len(values) for values in lists.values()}
    record = ImageRecord(
        split,
        name,
        source,
        file,
        (),
        _size(features, "image/width"),
        _size(features, "image/height"),
        shares=True,
        stated_format=_text(features, "image/format"),
        context=_context(frame, given, _size(features, CONTEXT_LENGTH)),
    )
    if len(counts) > 1:
        detail = "its corners differ in number: " + ", ".join(f"{k} {len(v)}" for k, v in lists.items())
        return record._replace(problem=Finding(name, None, "DATA013", "quarantined", detail))
    count = counts.pop()
    others = {key: len(features.get(f"image/object/{key}", ())) for key in OF_OBJECTS}
    notes = tuple(
        Finding(name, None, "DATA013", "ignored", f"it has {n} image/object/{key} for {count} objects")
        for key, n in others.items()
        if n not in (0, count)
    )
    return record._replace(boxes=tuple(_boxes(features, lists, count, masks)), notes=notes)


def _boxes(
    features: dict[str, list[Any]], lists: dict[str, list[Any]], count: int, masks: bool
) -> Iterator[BoxRecord]:
    def listed(key: str, kind: type) -> list[Any]:
        """A list of as many values as there are boxes; None for each that isn't there."""
        values = [v if isinstance(v, kind) else None for v in features.get(f"image/object/{key}", [])]
        return values if len(values) == count else [None] * count

    texts, ids = listed("class/text", bytes), listed("class/label", int)
    difficult, truncated = listed("difficult", int), listed("truncated", int)
    groups, crowds, pictures = listed("group_of", int), listed("is_crowd", int), listed("mask", bytes)
    for i in range(count):
        xmin, ymin, xmax, ymax = (_number(lists[key][i]) for key in CORNERS)
        yield BoxRecord(
            f"object {i + 1}",
            (texts[i] or b"").decode("utf-8", "replace"),
            xmin,
            ymin,
            xmax,
            ymax,
            difficult=bool(difficult[i]),
            truncated=bool(truncated[i]),
            crowd=bool(groups[i] or crowds[i]),
            mask=pictures[i] if masks else None,
            label_id=ids[i],
        )


def _context(frame: Frame, given: Any, row_length: int) -> ContextPlace | None:
    kind = given[CONTEXT].WhichOneof("kind") if CONTEXT in given else None
    if kind is None or not getattr(given[CONTEXT], kind).value:
        return None
    return ContextPlace(frame.offset, len(frame.data), row_length)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []


def _text(features: dict[str, list[Any]], key: str) -> str:
    value = next(iter(features.get(key, [])), b"")
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def _size(features: dict[str, list[Any]], key: str) -> int:
    value = next(iter(features.get(key, [])), 0)
    return value if isinstance(value, int) and value > 0 else 0
