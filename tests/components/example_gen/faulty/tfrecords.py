"""TFRecords that are damaged, or whose examples lack or confuse something."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.example_gen.tfrecord_framing import masked_crc
from tests.components.example_gen.faulty.case import SIZE, Case, Found, data_set, encoded, jpeg, photo


def _example(drop: Sequence[str] = (), **changed: Any) -> bytes:
    """An example of the OD API; `changed` is by the last part of a feature's name."""
    values: dict[str, Any] = {
        "image/encoded": jpeg(41),
        "image/format": b"jpeg",
        "image/filename": b"a.jpg",
        "image/height": SIZE[1],
        "image/width": SIZE[0],
        "image/object/bbox/xmin": [0.1],
        "image/object/bbox/ymin": [0.25],
        "image/object/bbox/xmax": [0.5],
        "image/object/bbox/ymax": [0.75],
        "image/object/class/text": [b"cat"],
        "image/object/class/label": [1],
        "image/context_features": [],
        "image/context_feature_length": [],
    }
    example = tf.train.Example()
    for key, value in values.items():
        last = key.rsplit("/", 1)[1]
        value = changed.get(last, value)
        if last in drop:
            continue
        if "context" in last and not value:
            continue
        feature = example.features.feature[key]
        for item in value if isinstance(value, list) else [value]:
            kind = {bytes: feature.bytes_list, int: feature.int64_list, float: feature.float_list}[type(item)]
            kind.value.append(item)
    return example.SerializeToString()


def _framed(*records: bytes) -> bytes:
    parts = []
    for data in records:
        length = len(data).to_bytes(8, "little")
        sums = [masked_crc(part).to_bytes(4, "little") for part in (length, data)]
        parts += [length, sums[0], data, sums[1]]
    return b"".join(parts)


def _three() -> list[bytes]:
    return [_example(encoded=jpeg(50 + i), filename=f"{i}.jpg".encode()) for i in range(3)]


def _shard(data: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "train.record").write_bytes(data)
        return folder / "train.record"

    return write


def _damaged(
    name: str, seen: str, change: Callable[[bytes, int], bytes], left: int, read: int | None = None
) -> Case:
    """Three records; `change(file, start of the second)` damages one of them."""
    records = _three()
    data = change(_framed(*records), len(records[0]) + 16)
    read = left + 1 if read is None else read
    return data_set(name, seen, _shard(data), [("DATA025", "quarantined")], (read, left), (left, left))


def _flip(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :]


def _one(
    name: str, seen: str, findings: Sequence[Found], images: int, boxes: tuple[int, int], **example: Any
) -> Case:
    return data_set(name, seen, _shard(_framed(_example(**example))), findings, (1, images), boxes)


CASES = [
    _damaged("shard_cut_off", "DataLossError: truncated record", lambda data, _: data[:-500], 2),
    _damaged(
        "shard_with_a_wrong_byte",
        "DataLossError: corrupted record at",
        lambda data, at: _flip(data, at + 300),
        2,
    ),
    _damaged(
        "shard_with_a_wrong_length",
        "Not a valid TFRecord: mismatch of length mask",
        lambda data, at: _flip(data, at + 1),
        2,
    ),
    _damaged(
        "shard_that_lost_bytes",
        "corrupted record; a file transfer in text mode",
        lambda data, at: data[: at + 99] + data[at + 300 :],
        2,
    ),
    _damaged(
        "shard_with_a_hole",
        "a block of zeros from a broken disk",
        lambda data, at: data[:at] + bytes(4096) + data[at:],
        3,
        4,
    ),
    _damaged("shard_without_its_beginning", "resumed download", lambda data, _: data[77:], 2),
    _one(
        "record_without_format",
        "nothing, until another reader needs it",
        [("DATA028", "corrected")],
        1,
        (1, 1),
        drop=["format"],
    ),
    _one(
        "record_of_a_wrong_format",
        "says jpeg, is PNG",
        [("DATA016", "kept"), ("DATA028", "corrected")],
        1,
        (1, 1),
        encoded=encoded(photo(), "PNG"),
    ),
    _one(
        "record_of_raw_pixels",
        "image_raw is a decoded tensor",
        [("DATA001", "quarantined")],
        0,
        (1, 0),
        encoded=photo().tobytes(),
        format=b"raw",
    ),
    _one(
        "record_with_an_empty_image",
        "Unable to decode bytes",
        [("DATA001", "quarantined")],
        0,
        (1, 0),
        encoded=b"",
    ),
    _one("record_without_text", "class/text is missing", [], 1, (1, 1), drop=["text"]),
    _one("record_without_label", "class/label is missing", [], 1, (1, 1), drop=["label"]),
    _one(
        "record_without_class",
        "which class is it?",
        [("DATA010", "quarantined"), ("DATA015", "quarantined")],
        0,
        (1, 0),
        drop=["text", "label"],
    ),
    _one(
        "record_of_id_zero",
        "ids counted from 0",
        [("DATA020", "quarantined"), ("DATA015", "quarantined")],
        0,
        (1, 0),
        drop=["text"],
        label=[0],
    ),
    _one(
        "record_of_an_id_too_high",
        "label 9 of 2 classes",
        [("DATA020", "quarantined"), ("DATA015", "quarantined")],
        0,
        (1, 0),
        drop=["text"],
        label=[9],
    ),
    _one(
        "record_of_another_label_map",
        "the classes are exchanged",
        [("DATA031", "kept")],
        1,
        (1, 1),
        label=[2],
    ),
    _one(
        "record_of_unequal_lists",
        "indices are out of bounds",
        [("DATA013", "quarantined")],
        0,
        (0, 0),
        xmax=[0.5, 0.6],
    ),
    _one(
        "record_in_pixels",
        "maximum box coordinate value is larger than 1",
        [("DATA007", "quarantined"), ("DATA015", "quarantined")],
        0,
        (1, 0),
        xmin=[10.0],
        xmax=[50.0],
    ),
    _one(
        "record_of_a_stale_size",
        "normalised by another image's size",
        [("DATA004", "quarantined")],
        0,
        (1, 0),
        height=3509,
        width=4963,
    ),
    _one(
        "record_of_a_negative",
        "how is a negative written?",
        [],
        1,
        (0, 0),
        **{k: [] for k in ("xmin", "xmax", "ymin", "ymax", "text", "label")},
    ),
    _one(
        "record_of_broken_context",
        "Input to reshape is a tensor with 3 values, but the requested shape requires a multiple of 2",
        [("DATA036", "quarantined")],
        0,
        (1, 0),
        context_features=[1.0, 2.0, 3.0],
        context_feature_length=[2],
    ),
    data_set(
        "record_that_is_no_example",
        "could not parse example",
        _shard(_framed(_example(), b"\xff\xff no protobuf")),
        [("DATA013", "quarantined")],
        (2, 1),
        (1, 1),
    ),
    data_set(
        "record_names_repeated",
        "Image with id already added, mAP on fewer images",
        _shard(_framed(_example(), _example(encoded=jpeg(42)))),
        [("DATA023", "kept")],
        (2, 2),
        (2, 2),
    ),
]
