"""Reads the CSV of the Object Detection API tutorials: filename,width,height,class,xmin,ymin,xmax,ymax."""

from __future__ import annotations

import csv
import io
import posixpath

from components.example_gen import file_systems
from components.example_gen.fields import number_in, size_in
from components.example_gen.listed_images import Pictures
from components.example_gen.records import BoxRecord, Finding, ImageRecord
from components.example_gen.tree import Tree
from detection.errors import BadInput

COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


def read_csv(file: str, split: str) -> list[ImageRecord]:
    """Groups the rows by image, in the order of the images' names.

    The CSV is the list of the data set: pictures without a row are not read (they may belong to another CSV)
    but counted in a note. A row with empty class and corners names a picture without objects.

    Raises:
      BadInput: no CSV in UTF-8, a missing column, or no image of it in any folder where they usually lie.
    """
    rows_by_image: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in _rows(file):
        rows_by_image.setdefault(row["filename"], []).append((number, row))
    names = sorted(rows_by_image)
    pictures = Pictures.beside(file, names)
    return pictures.noted([_record(pictures, file, name, rows_by_image[name], split) for name in names])


def find_csv(tree: Tree) -> str | None:
    """The CSV of a folder: the only one in it, or FOLDER_labels.csv beside it."""
    inside = [file for file in tree.with_suffix(".csv") if "/" not in file]
    if len(inside) == 1:
        return tree.path(inside[0])
    folder = posixpath.basename(tree.root.rstrip("/"))
    beside = file_systems.join(tree.root, f"../{folder}_labels.csv")
    return beside if file_systems.is_file(beside) else None


def _rows(file: str) -> list[tuple[int, dict[str, str]]]:
    try:
        text = file_systems.read_bytes(file).decode("utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        raise BadInput("the CSV isn't UTF-8", file, "save it as UTF-8") from error
    first = text.split("\n", 1)[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    found = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise BadInput(
                f"the CSV has no column {', '.join(missing)}",
                f"{file}:1",
                f"its first line must name the columns {','.join(COLUMNS)}",
            )
        for cells in reader:
            if any("\n" in cell for cell in cells):
                raise csv.Error("a quote isn't closed before the end of its line")
            if any(cell.strip() for cell in cells):
                padded = cells + [""] * (len(header) - len(cells))
                found.append((reader.line_num, {k: v.strip() for k, v in zip(header, padded, strict=False)}))
    except csv.Error as error:
        place = f"{file}:{reader.line_num}"
        raise BadInput(f"the CSV can't be read: {error}", place, "save it anew") from error
    return found


def _record(
    pictures: Pictures, file: str, name: str, rows: list[tuple[int, dict[str, str]]], split: str
) -> ImageRecord:
    sizes = {(size_in(row["width"]), size_in(row["height"])) for _, row in rows}
    problem = None
    if len(sizes) > 1:
        stated = ", ".join(f"{w}x{h}" for w, h in sorted(sizes))
        detail = f"{posixpath.basename(file)} states several sizes for it: {stated}"
        problem = Finding(name, None, "DATA013", "quarantined", detail)
    width, height = min(sizes)
    boxes = tuple(_box(number, row) for number, row in rows if _names_object(row))
    return ImageRecord(split, name, pictures.source(name), file, boxes, width, height, problem)


def _names_object(row: dict[str, str]) -> bool:
    return any(row[name] for name in ("class", "xmin", "ymin", "xmax", "ymax"))


def _box(number: int, row: dict[str, str]) -> BoxRecord:
    xmin, ymin, xmax, ymax = (number_in(row[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
    return BoxRecord(f"row {number}", row["class"], xmin, ymin, xmax, ymax)
