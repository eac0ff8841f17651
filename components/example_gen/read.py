"""Finds a data set's format and reads its records."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.example_gen import tutorial_csv, voc
from components.example_gen.images import find_images
from components.example_gen.records import DataOptions, ImageRecord, as_options
from detection.errors import BadInput

Data = DataOptions | Mapping[str, Any]


def read_dataset(data: Data) -> list[ImageRecord]:
    """Every record of the data set; the split of each is "" if `eval` isn't given.

    Raises:
      BadInput: a folder that isn't there or is empty, an unknown format, a CSV that can't be read.
    """
    options = as_options(data)
    if options.eval is None:
        return read_split(options.train, options.format, "")
    return [
        *read_split(options.train, options.format, "train"),
        *read_split(options.eval, options.format, "eval"),
    ]


def read_split(path: Path, data_format: str, split: str) -> list[ImageRecord]:
    """The records of one folder or CSV, sorted by name."""
    if not path.exists():
        raise BadInput(
            "the data set isn't there", str(path), "correct data.train or data.eval, or put the files there"
        )
    if data_format == "auto":
        data_format = detect_format(path)
    if data_format == "csv":
        file = tutorial_csv.find_csv(path)
        if file is None:
            raise BadInput(
                "no CSV of annotations is found",
                str(path),
                f"name the CSV itself, or put it at {path.name}_labels.csv beside the folder",
            )
        records = tutorial_csv.read_csv(file, split)
    elif path.is_dir():
        records = voc.read_voc(path, split)
    else:
        raise BadInput("Pascal VOC data is a folder", str(path), "name the folder of the XML files")
    if not records:
        raise BadInput("the data set is empty", str(path), "name a folder with images and annotations")
    return records


def detect_format(path: Path) -> str:
    """ "csv" or "voc", from what lies at `path`: XML files win over a CSV made from them."""
    if path.is_file() and path.suffix.lower() == ".csv":
        return "csv"
    if path.is_dir() and voc.find_annotations(path):
        return "voc"
    if tutorial_csv.find_csv(path) is not None:
        return "csv"
    if path.is_dir() and not find_images(path):
        raise BadInput("the folder holds no images", str(path), "name the folder of the images")
    raise BadInput(
        "no annotations are found: neither Pascal VOC XML nor a CSV",
        str(path),
        "put the XML files beside the images, or name the CSV",
    )


def list_files(data: Data) -> list[Path]:
    """Every file that the examples depend on, sorted, each once: images, annotations, the label map."""
    options = as_options(data)
    files = {options.label_map}
    for record in read_dataset(options):
        files.update(f for f in (record.image, record.annotation) if f is not None)
    return sorted(files)
