"""Finds out by looking which kind of data set lies at a path."""

from __future__ import annotations

import posixpath
from typing import get_args

from components.example_gen import file_systems, tutorial_csv
from components.example_gen.coco import find_json
from components.example_gen.image_sets import is_image_set
from components.example_gen.records import DataFormat
from components.example_gen.tfrecord import find_tfrecords, is_tfrecord
from components.example_gen.tfrecord_framing import HEADER, masked_crc
from components.example_gen.tree import Tree
from components.example_gen.voc import has_annotations, voc_tree
from components.example_gen.yolo_labels import has_labels, texts_of_images
from components.example_gen.yolo_yaml import find_yaml
from detection.errors import BadInput

# What stands in the files of other tools.
FOREIGN = {
    "LabelMe": (b'"shapes"', b'"imagePath"'),
    "the VGG Image Annotator": (b'"regions"', b'"filename"'),
    "CreateML": (b'"annotations"', b'"coordinates"'),
    "CVAT for images": (b"<annotations>", b"<image "),
}
HEAD = 1 << 16  # bytes
LOOK_AT = 20  # files
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
    if has_annotations(voc_tree(path)):
        return "voc"
    if not tree.images:
        raise BadInput("the folder holds no images", path, "name the folder of the images")
    unread = list(map(tree.path, tree.with_suffix(".xml", ".json", ".csv")))
    unread += [file for file, text in texts_of_images(tree).items() if text.strip()]
    if not unread:
        return "images"
    some = ", ".join(file.removeprefix(tree.prefix) for file in unread[:3])
    kind = next((kind for file in unread[:LOOK_AT] if (kind := _foreign(file))), None)
    if kind is not None:
        fix = "export them as COCO, Pascal VOC, YOLO or CSV, or set data.format: images if they don't count"
        raise BadInput(f"the annotations are those of {kind}, which aren't read: {some}", path, fix)
    fix = "name the file itself (COCO JSON or CSV), or set data.format: voc, or images if none counts"
    raise BadInput(f"it isn't clear which annotations count: {some}", path, fix)


def is_pattern(path: str) -> bool:
    """Whether a path stands for several files: x.record-*-of-00010."""
    return ("*" in path or "?" in path) and not file_systems.is_file(path)


def _foreign(file: str) -> str | None:
    """The tool that wrote annotations which nothing here reads; None where that isn't known."""
    head = file_systems.read_start(file, HEAD)
    return next((kind for kind, signs in FOREIGN.items() if all(sign in head for sign in signs)), None)


def _of_file(path: str) -> DataFormat:
    suffix = posixpath.splitext(path)[1].lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if suffix == ".txt":
        return "voc" if is_image_set(path) else "yolo"
    head = file_systems.read_start(path, HEADER)
    starts_a_record = len(head) == HEADER and masked_crc(head[:8]) == int.from_bytes(head[8:], "little")
    if is_tfrecord(path) or starts_a_record:
        return "tfrecord"
    kinds = ", ".join(kind for kind in get_args(DataFormat) if kind != "auto")
    raise BadInput("this file isn't known to be annotations", path, f"set data.format: {kinds}")
