"""A checked image and its boxes as a tf.train.Example in the Object Detection API's schema."""

from __future__ import annotations

import tensorflow as tf

from components.example_gen.decode import DecodedImage
from components.example_gen.records import GoodBox


def to_example(
    name: str, image: DecodedImage, sha256: str, boxes: list[GoodBox], masks: bool = False
) -> tf.train.Example:
    """The schema of object_detection/data_decoders/tf_example_decoder.py: boxes normalised, labels from 1.

    Args:
      sha256: of `image.encoded`.
      masks: whether each box's mask is written.
    """
    width, height = image.size
    example = tf.train.Example()
    feature = example.features.feature  # filled in place: a large image isn't copied from message to message

    def put_bytes(key: str, values: list[bytes]) -> None:
        feature[key].bytes_list.value.extend(values)

    def put_ints(key: str, values: list[int]) -> None:
        feature[key].int64_list.value.extend(values)

    put_bytes("image/encoded", [image.encoded])
    put_bytes("image/filename", [name.encode()])
    put_bytes("image/format", [image.format.encode()])
    put_ints("image/height", [height])
    put_bytes("image/key/sha256", [sha256.encode()])
    for side in ("xmax", "xmin", "ymax", "ymin"):
        corners = [getattr(box, side) for box in boxes]
        feature[f"image/object/bbox/{side}"].float_list.value.extend(corners)
    put_ints("image/object/class/label", [box.label_id for box in boxes])
    put_bytes("image/object/class/text", [box.label.encode() for box in boxes])
    put_ints("image/object/difficult", [int(box.difficult) for box in boxes])
    put_ints("image/object/truncated", [int(box.truncated) for box in boxes])
    put_bytes("image/source_id", [name.encode()])
    put_ints("image/width", [width])
    if masks:
        put_bytes("image/object/mask", [box.mask or b"" for box in boxes])
    return example
