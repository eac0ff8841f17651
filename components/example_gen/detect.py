"""Finds out by looking which kind of data set lies at a path."""

from __future__ import annotations

import posixpath
from typing import get_args

from components.example_gen import file_systems, tutorial_csv
from components.example_gen.coco import find_json
from components.example_gen.records import DataFormat
from components.example_gen.tfrecord import find_tfrecords, is_tfrecord
from components.example_gen.tfrecord_framing import HEADER, masked_crc
from components.example_gen.tree import Tree
from components.example_gen.voc import has_annotations, is_image_set
from components.example_gen.yolo import has_labels
from components.example_gen.yolo_yaml import find_yaml
from detection.errors import BadInput

SUFFIXES: dict[str, DataFormat] = {".csv": "csv", ".json": "coco", ".yaml": "yolo", ".yml": "yolo"}


def detect_format(path: str) -> DataFormat:
    """The format of what lies at `path`.

    Of several in one folder, the first of these counts: Pascal VOC's XML, COCO's JSON, YOLO, CSV, TFRecords;
    the others were made from it. Pictures alone are pictures of no object.

    Raises:
      BadInput: nothing is there, or nothing that is known.
    """
    if is_pattern(path):
        return "tfrecord"
    if file_systems.is_file(path):
        return _of_file(path)
    tree = Tree.at(path)
    if has_annotations(tree):
        return "voc"
    if find_json(tree):
        return "coco"
    if find_yaml(tree) or has_labels(tree):
        return "yolo"
    if tutorial_csv.find_csv(tree) is not None:
        return "csv"
    if find_tfrecords(tree):
        return "tfrecord"
    if not tree.images:
        raise BadInput("the folder holds no images", path, "name the folder of the images")
    unread = tree.with_suffix(".xml", ".json", ".csv")
    if unread:
        raise BadInput(
            f"it isn't clear which annotations count: {', '.join(unread[:3])}",
            path,
            "name the file itself (COCO JSON or CSV), or set data.format: voc, or images if none counts",
        )
    return "images"


def is_pattern(path: str) -> bool:
    """Whether a path stands for several files: x.record-*-of-00010."""
    return ("*" in path or "?" in path) and not file_systems.is_file(path)


def _of_file(path: str) -> DataFormat:
    suffix = posixpath.splitext(path)[1].lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix == ".txt":
        return "voc" if is_image_set(path) else "yolo"
    with file_systems.open_binary(path) as stream:
        head = stream.read(HEADER)
    starts_a_record = len(head) == HEADER and masked_crc(head[:8]) == int.from_bytes(head[8:], "little")
    if is_tfrecord(path) or starts_a_record:
        return "tfrecord"
    kinds = ", ".join(kind for kind in get_args(DataFormat) if kind != "auto")
    raise BadInput("this file isn't known to be annotations", path, f"set data.format: {kinds}")
