"""A checked image and its boxes as a tf.train.Example in the Object Detection API's schema."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import tensorflow as tf

from components.example_gen.decode import DecodedImage
from components.example_gen.example_bytes import (
    Entry,
    bytes_entry,
    example_of,
    feature_entry,
    floats_entry,
    ints_entry,
)
from components.example_gen.records import GoodBox

# The images of a data set are alike in size, and in the classes that they show together.
_ints = lru_cache(maxsize=4096)(ints_entry)


def to_example(
    name: str,
    image: DecodedImage,
    sha256: str,
    boxes: list[GoodBox],
    masks: bool = False,
    more: Mapping[str, tf.train.Feature] | None = None,
) -> bytes:
    """The schema of object_detection/data_decoders/tf_example_decoder.py: boxes normalised, labels from 1.

    Args:
      sha256: of `image.encoded`.
      masks: whether each box's mask is written.
      more: further features of the image, copied.

    Returns:
      The serialised Example; the same input gives the same bytes.
    """
    width, height = image.size
    entries: dict[str, Entry] = {}

    def put_bytes(key: str, values: list[bytes]) -> None:
        entries[key] = bytes_entry(key, values)

    def put_ints(key: str, values: list[int]) -> None:
        entries[key] = _ints(key, tuple(values))

    def put_floats(key: str, values: list[float]) -> None:
        entries[key] = floats_entry(key, values)

    put_bytes("image/encoded", [image.encoded])
    put_bytes("image/filename", [name.encode()])
    put_bytes("image/format", [image.format.encode()])
    put_ints("image/height", [height])
    put_bytes("image/key/sha256", [sha256.encode()])
    put_floats("image/object/bbox/xmax", [box.xmax for box in boxes])
    put_floats("image/object/bbox/xmin", [box.xmin for box in boxes])
    put_floats("image/object/bbox/ymax", [box.ymax for box in boxes])
    put_floats("image/object/bbox/ymin", [box.ymin for box in boxes])
    put_ints("image/object/class/label", [box.label_id for box in boxes])
    put_bytes("image/object/class/text", [box.label.encode() for box in boxes])
    put_ints("image/object/difficult", [int(box.difficult) for box in boxes])
    put_ints("image/object/truncated", [int(box.truncated) for box in boxes])
    put_bytes("image/source_id", [name.encode()])
    put_ints("image/width", [width])
    if masks:
        put_bytes("image/object/mask", [box.mask or b"" for box in boxes])
    for key, value in (more or {}).items():
        entries[key] = feature_entry(key, value.SerializeToString(deterministic=True))
    return example_of(entries)
