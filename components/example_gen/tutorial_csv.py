"""Reads the CSV of the Object Detection API tutorials: filename,width,height,class,xmin,ymin,xmax,ymax."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from components.example_gen.fields import number_in, size_in
from components.example_gen.images import find_images
from components.example_gen.records import BoxRecord, Finding, ImageRecord
from detection.errors import BadInput

COLUMNS = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")


def read_csv(file: Path, split: str) -> list[ImageRecord]:
    """Groups the rows by image, in the order of the images' names.

    The CSV is the list of the data set: a picture without a row isn't read (it may belong to another CSV).
    A row with empty class and corners names a picture without objects.

    Raises:
      BadInput: no CSV in UTF-8, a missing column, or no image of it in any folder where they usually lie.
    """
    rows_by_image: dict[str, list[tuple[int, dict[str, str]]]] = {}
    for number, row in _rows(file):
        rows_by_image.setdefault(row["filename"], []).append((number, row))
    folder = image_folder(file, list(rows_by_image))
    return [_record(folder, file, name, rows_by_image[name], split) for name in sorted(rows_by_image)]


def find_csv(path: Path) -> Path | None:
    """The CSV of `path`: itself, the only one inside the folder, or FOLDER_labels.csv beside it."""
    if path.is_file():
        return path if path.suffix.lower() == ".csv" else None
    inside = sorted(path.glob("*.csv"))
    if len(inside) == 1:
        return inside[0]
    beside = path.with_name(f"{path.name}_labels.csv")
    return beside if beside.is_file() else None


def image_folder(file: Path, names: list[str]) -> Path:
    """The folder that holds the CSV's images: the one of its split, its own, or images/ beside it."""
    split_folder = file.with_name(file.stem.removesuffix("_labels"))
    candidates = [split_folder, file.parent, file.parent / "images"]
    for folder in candidates:
        if any((folder / name).is_file() for name in names):
            return folder
    for folder in candidates:
        if folder.is_dir() and find_images(folder):
            return folder
    looked = ", ".join(str(c) for c in candidates)
    raise BadInput(
        "none of the CSV's images is found", f"{file} (looked in {looked})", "put them in one of these"
    )


def _rows(file: Path) -> list[tuple[int, dict[str, str]]]:
    try:
        text = file.read_text(encoding="utf-8-sig")  # spreadsheets write a byte order mark
    except UnicodeDecodeError as error:
        raise BadInput("the CSV isn't UTF-8", str(file), "save it as UTF-8") from error
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in first and "," not in first else ",")
    header = [name.strip().lower() for name in next(reader, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise BadInput(
            f"the CSV has no column {', '.join(missing)}",
            f"{file}:1",
            f"its first line must name the columns {','.join(COLUMNS)}",
        )
    found = []
    for cells in reader:
        if any(cell.strip() for cell in cells):
            padded = cells + [""] * (len(header) - len(cells))
            found.append((reader.line_num, {k: v.strip() for k, v in zip(header, padded, strict=False)}))
    return found


def _record(
    folder: Path, file: Path, name: str, rows: list[tuple[int, dict[str, str]]], split: str
) -> ImageRecord:
    sizes = {(size_in(row["width"]), size_in(row["height"])) for _, row in rows}
    problem = None
    if len(sizes) > 1:
        detail = f"{file.name} states several sizes for it: {', '.join(f'{w}x{h}' for w, h in sorted(sizes))}"
        problem = Finding(name, None, "DATA013", "quarantined", detail)
    image = folder / name
    width, height = min(sizes)
    return ImageRecord(
        split,
        name,
        image if name and image.is_file() else None,
        file,
        tuple(_box(number, row) for number, row in rows if _names_object(row)),
        width,
        height,
        problem,
    )


def _names_object(row: dict[str, str]) -> bool:
    return any(row[name] for name in ("class", "xmin", "ymin", "xmax", "ymax"))


def _box(number: int, row: dict[str, str]) -> BoxRecord:
    xmin, ymin, xmax, ymax = (number_in(row[name]) for name in ("xmin", "ymin", "xmax", "ymax"))
    return BoxRecord(f"row {number}", row["class"], xmin, ymin, xmax, ymax)
