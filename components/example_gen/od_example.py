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

_FEW = 32  # objects, as another image may well have them too


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
    encoded_name = name.encode()
    objects = tuple([(box.label, box.label_id, box.difficult, box.truncated) for box in boxes])
    entries: dict[str, Entry] = {
        "image/encoded": bytes_entry("image/encoded", (image.encoded,)),
        "image/filename": bytes_entry("image/filename", (encoded_name,)),
        "image/key/sha256": bytes_entry("image/key/sha256", (sha256.encode(),)),
        "image/source_id": bytes_entry("image/source_id", (encoded_name,)),
        **_of_picture(image.format, *image.size),
        **(_of_few_objects if len(boxes) <= _FEW else _of_objects)(objects),
    }
    ymin, xmin, ymax, xmax = zip(*[box[:4] for box in boxes], strict=True) if boxes else ((),) * 4
    for key, values in (
        ("image/object/bbox/xmax", xmax),
        ("image/object/bbox/xmin", xmin),
        ("image/object/bbox/ymax", ymax),
        ("image/object/bbox/ymin", ymin),
    ):
        entries[key] = floats_entry(key, values)
    if masks:
        entries["image/object/mask"] = bytes_entry("image/object/mask", [box.mask or b"" for box in boxes])
    for key, value in (more or {}).items():
        entries[key] = feature_entry(key, value.SerializeToString(deterministic=True))
    return example_of(entries)


@lru_cache(maxsize=1024)
def _of_picture(form: str, width: int, height: int) -> dict[str, Entry]:
    return {
        "image/format": bytes_entry("image/format", (form.encode(),)),
        "image/height": ints_entry("image/height", (height,)),
        "image/width": ints_entry("image/width", (width,)),
    }


def _of_objects(objects: tuple[tuple[str, int, bool, bool], ...]) -> dict[str, Entry]:
    """Args: `objects`: of each (label, label_id, difficult, truncated)."""
    text = "image/object/class/text"
    entries = {text: bytes_entry(text, [values[0].encode() for values in objects])}
    for at, key in (
        (1, "image/object/class/label"),
        (2, "image/object/difficult"),
        (3, "image/object/truncated"),
    ):
        entries[key] = ints_entry(key, [int(values[at]) for values in objects])
    return entries


# The images of a data set are alike in size, and in the classes that they show together.
_of_few_objects = lru_cache(maxsize=1024)(_of_objects)
