"""Reads the CSV of the Object Detection API tutorials: filename,width,height,class,xmin,ymin,xmax,ymax."""

from __future__ import annotations

import csv
import io
import posixpath
from typing import NamedTuple

from components.example_gen import file_systems
from components.example_gen.fields import number_in, size_in, text_of
from components.example_gen.listed_images import Pictures
from components.example_gen.named_files import as_path
from components.example_gen.records import BoxRecord, Finding, ImageRecord
from components.example_gen.tree import Tree
from detection.errors import BadInput

COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


class Row(NamedTuple):
    """One line: column -> cell, and what is wrong with the line as a whole."""

    number: int  # of the line, from 1
    cells: dict[str, str]
    problem: str = ""


def read_csv(file: str, split: str) -> list[ImageRecord]:
    """Groups the rows by image, in the order of the images' names.

    The CSV is the list of the data set: pictures without a row are not read (they may belong to another CSV)
    but counted in a note. A row with empty class and corners names a picture without objects.

    Raises:
      BadInput: no CSV in UTF-8, a missing column, or no image of it in any folder where they usually lie.
    """
    rows_by_image: dict[str, list[Row]] = {}
    for row in _rows(file):
        rows_by_image.setdefault(as_path(row.cells["filename"]), []).append(row)
    images = {rows[0].cells["filename"]: rows for rows in rows_by_image.values()}
    names = sorted(images)
    pictures = Pictures.beside(file, names)
    return pictures.noted([_record(pictures, file, name, images[name], split) for name in names])


def find_csv(tree: Tree) -> str | None:
    """The CSV of a folder: the only one in it, or FOLDER_labels.csv beside it."""
    inside = [file for file in tree.with_suffix(".csv") if "/" not in file]
    if len(inside) == 1:
        return tree.path(inside[0])
    folder = posixpath.basename(tree.root.rstrip("/"))
    beside = file_systems.join(tree.root, f"../{folder}_labels.csv")
    return beside if file_systems.is_file(beside) else None


def _rows(file: str) -> list[Row]:
    try:
        text = text_of(file_systems.read_bytes(file))
    except UnicodeDecodeError as error:
        raise BadInput("the CSV isn't UTF-8", file, "save it as UTF-8") from error
    if "\n" not in text:
        text = text.replace("\r", "\n")  # an old Macintosh's lines
    reader = csv.reader(io.StringIO(text), delimiter=_delimiter(text.split("\n", 1)[0]), strict=True)
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _require_columns(header, file)
        return [_row(reader.line_num, header, cells) for cells in reader if any(map(str.strip, cells))]
    except csv.Error as error:
        place = f"{file}:{reader.line_num}"
        raise BadInput(f"the CSV can't be read: {error}", place, "save it anew") from error


def _delimiter(first_line: str) -> str:
    """Spreadsheets write semicolons where the comma is for numbers."""
    return next((sign for sign in ",;\t" if sign in first_line), ",")


def _require_columns(header: list[str], file: str) -> None:
    missing = [name for name in COLUMNS if name not in header]
    twice = [name for name in COLUMNS if header.count(name) > 1]
    if missing or twice:
        what = f"no column {', '.join(missing)}" if missing else f"the column {twice[0]} twice"
        fix = f"its first line must name the columns {','.join(COLUMNS)}"
        raise BadInput(f"the CSV has {what}", f"{file}:1", fix)


def _row(number: int, header: list[str], cells: list[str]) -> Row:
    if any("\n" in cell for cell in cells):
        raise csv.Error("a quote isn't closed before the end of its line")
    padded = cells + [""] * (len(header) - len(cells))
    problem = ""
    if any(map(str.strip, cells[len(header) :])):
        # a comma too many shifts the numbers: xmin 10,5 would be xmin 10 and ymin 5
        problem = f"it has {len(cells)} cells for {len(header)} columns: quote what has a comma in it"
    return Row(number, {k: v.strip() for k, v in zip(header, padded, strict=False)}, problem)


def _record(pictures: Pictures, file: str, name: str, rows: list[Row], split: str) -> ImageRecord:
    sizes = {(size_in(row.cells["width"]), size_in(row.cells["height"])) for row in rows if not row.problem}
    problem = None
    if len(sizes) > 1:
        stated = ", ".join(f"{w}x{h}" for w, h in sorted(sizes))
        detail = f"{posixpath.basename(file)} states several sizes for it: {stated}"
        problem = Finding(name, None, "DATA013", "quarantined", detail)
    width, height = min(sizes, default=(0, 0))
    boxes = tuple(_box(name, row) for row in rows if row.problem or _names_object(row.cells))
    return ImageRecord(split, name, pictures.source(name), file, boxes, width, height, problem)


def _names_object(cells: dict[str, str]) -> bool:
    return any(cells[name] for name in ("class", "xmin", "ymin", "xmax", "ymax"))


def _box(image: str, row: Row) -> BoxRecord:
    place = f"row {row.number}"
    xmin, ymin, xmax, ymax = (number_in(row.cells[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
    problem = Finding(image, place, "DATA013", "quarantined", row.problem) if row.problem else None
    return BoxRecord(place, row.cells["class"], xmin, ymin, xmax, ymax, problem=problem)
