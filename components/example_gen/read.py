"""Reads the records of a data set, whatever its format."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from components.example_gen import file_systems, tutorial_csv
from components.example_gen.coco import find_json, read_coco
from components.example_gen.collector import no_collection
from components.example_gen.detect import detect_format, is_pattern
from components.example_gen.image_sets import is_image_set, read_image_set
from components.example_gen.naming import with_unique_names
from components.example_gen.records import DataOptions, ImageRecord, as_options, with_notes
from components.example_gen.spans import deliveries, filled, uses_span
from components.example_gen.stated_splits import stated_splits
from components.example_gen.tfrecord import find_tfrecords, read_tfrecords
from components.example_gen.tree import Tree
from components.example_gen.unread import unread_pictures
from components.example_gen.voc import read_voc, voc_tree
from components.example_gen.yolo import read_yolo
from components.example_gen.yolo_labels import has_labels
from components.example_gen.yolo_yaml import names_for
from detection.errors import BadInput

Data = DataOptions | Mapping[str, Any]


def resolve(data: Data) -> DataOptions:
    """The options with every path as it is now: spans chosen, and the splits that the data set states named.

    Resolving again changes nothing, so what was planned is what is read.

    Raises:
      BadInput: wrong options, or a span that isn't there.
    """
    options = _with_spans(as_options(data))
    if options.eval is not None or options.test_fraction:
        return options
    stated = [stated_splits(path, options.format) for path in options.train]
    if not all(stated):
        return options
    train, evaluation, test = (
        tuple(dict.fromkeys(path for splits in stated for path in splits.get(split, ())))
        for split in ("train", "eval", "test")
    )
    return options.model_copy(
        update={"train": train, "eval": evaluation, "test": options.test or test or None}
    )


def read_dataset(data: Data) -> list[ImageRecord]:
    """Every record of the data set; the split of each is "" if `eval` isn't given and none is stated.

    Raises:
      BadInput: a folder that isn't there or is empty, an unknown format, annotations that can't be read.
    """
    options = resolve(data)
    records: list[ImageRecord] = []
    with no_collection():
        for split in ("train", "eval", "test"):
            paths = options.given(split)
            name = "" if split == "train" and options.eval is None else split
            parts = [(path, read_split(path, options.format, name, options.masks)) for path in paths]
            records += with_unique_names(parts)
    return with_notes(records, unread_pictures(options, records))


def read_split(path: str | Path, data_format: str, split: str, masks: bool = False) -> list[ImageRecord]:
    """The records of one folder, file or pattern of TFRecords, in the order of their names.

    Args:
      data_format: one of DataFormat; "auto" looks.
      split: what each record's `split` will be; of a YOLO data.yaml, also which images are read.
      masks: whether the boxes get their masks.
    """
    path = str(path)
    try:
        records = _read(path, data_format, split, masks)
    except OSError as error:
        fix = "check the path, and whether it may be read from here"
        raise BadInput(f"the data can't be read: {error}", path, fix) from error
    if not records:
        raise BadInput("the data set is empty", path, "name a folder with images and annotations")
    return records


def _read(path: str, data_format: str, split: str, masks: bool) -> list[ImageRecord]:
    if not is_there(path):
        raise BadInput(
            "the data set isn't there", path, "correct data.train or data.eval, or put the files there"
        )
    if data_format == "auto":
        data_format = detect_format(path)
    if data_format == "coco":
        return _read_coco(path, split, masks)
    if data_format == "tfrecord":
        return _read_tfrecords(path, split, masks)
    if data_format == "yolo":
        return read_yolo(path, split, masks)
    readers = {"voc": _read_voc, "csv": _read_csv, "images": _read_images}
    return readers[data_format](path, split)


def is_there(path: str) -> bool:
    """Whether a path of the data leads to anything."""
    if is_pattern(path):
        return bool(file_systems.matching(path))
    if file_systems.is_remote(path):
        return file_systems.is_file(path) or bool(file_systems.files_below(path))
    return os.path.exists(path)


def files_of_split(options: DataOptions, split: str, records: Iterable[ImageRecord]) -> list[str]:
    """The files that a split's records depend on, sorted; what content divides belongs to "train".

    Args:
      options: resolved.
      records: those of the data set.
    """
    files = {file for path in options.given(split) for file in _about(path)}
    for record in records:
        if (record.split or "train") == split:
            files |= {record.annotation} if record.annotation else set()
            files |= {record.source.path} if record.source else set()
    return sorted(files)


def _with_spans(options: DataOptions) -> DataOptions:
    paths = [*options.train, *(options.eval or ()), *(options.test or ()), options.label_map]
    if not any(map(uses_span, paths)):
        return options
    chosen = deliveries(paths, options.span, options.spans)
    return options.model_copy(
        update={
            "train": filled(options.train, chosen),
            "eval": options.eval and filled(options.eval, chosen),
            "test": options.test and filled(options.test, chosen),
            "label_map": chosen[-1].fill(options.label_map),
            "span": chosen[-1].name,
            "spans": 1,
        }
    )


def _read_voc(path: str, split: str) -> list[ImageRecord]:
    if is_image_set(path):
        return read_image_set(path, split)
    fix = "name the folder of the XML files, or a list in ImageSets/"
    _require_folder(path, "Pascal VOC data is a folder", fix)
    return read_voc(voc_tree(path), split)


def _read_csv(path: str, split: str) -> list[ImageRecord]:
    if file_systems.is_file(path):
        return tutorial_csv.read_csv(path, split)
    file = tutorial_csv.find_csv(Tree.at(path))
    if file is None:
        name = posixpath.basename(path.rstrip("/"))
        fix = f"name the CSV itself, or put it at {name}_labels.csv beside the folder"
        raise BadInput("no CSV of annotations is found", path, fix)
    return tutorial_csv.read_csv(file, split)


def _read_images(path: str, split: str) -> list[ImageRecord]:
    """Pictures of no object."""
    _require_folder(path, "a file isn't a folder of images", "name the folder of the images")
    tree = Tree.at(path)
    return [ImageRecord(split, image, tree.source(image), None) for image in tree.images]


def _read_coco(path: str, split: str, masks: bool) -> list[ImageRecord]:
    if file_systems.is_file(path):
        return read_coco(path, split, masks)
    files = find_json(Tree.at(path))
    if not files:
        raise BadInput("no COCO JSON is found", path, "name the JSON itself")
    return with_unique_names([(file, read_coco(file, split, masks)) for file in files])


def _read_tfrecords(path: str, split: str, masks: bool) -> list[ImageRecord]:
    files = file_systems.matching(path) if is_pattern(path) else [path]
    if not is_pattern(path) and not file_systems.is_file(path):
        files = find_tfrecords(Tree.at(path))
    if not files:
        raise BadInput("no TFRecord is found", path, "name the files, for example train.record-*")
    return read_tfrecords(files, split, masks)


def _require_folder(path: str, what: str, fix: str) -> None:
    if file_systems.is_file(path):
        raise BadInput(what, path, fix)


def _about(path: str) -> set[str]:
    """What says how to read a path, besides its records: a list of images, the names of YOLO's classes."""
    if file_systems.is_file(path):
        named = names_for(posixpath.dirname(path) or ".") if path.lower().endswith(".txt") else None
        return {path} | ({named.file} if named else set())
    named = names_for(path) if not is_pattern(path) and has_labels(Tree.at(path)) else None
    return {named.file} if named else set()
