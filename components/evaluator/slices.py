"""Parts of the evaluation images by what can be said of each: folder, name, size, brightness, a CSV."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from components.evaluator.options import SliceOptions
from detection.errors import BadInput

FILENAME_COLUMN = "filename"


@dataclass(frozen=True)
class ImageFacts:
    """What slices can ask of an image; `brightness` is the mean of its pixels, 0 to 255."""

    filename: str
    width: int
    height: int
    brightness: float


@dataclass(frozen=True)
class Slice:
    """Images with one value: their indices, rising."""

    name: str
    images: tuple[int, ...]


def slice_images(facts: Sequence[ImageFacts], options: Sequence[SliceOptions]) -> list[Slice]:
    """The slices of each option in the order of their values; an image without a value is in none.

    Raises BadInput for a CSV that can't be used, or that names none of the images.
    """
    titles = [option.column if option.by == "csv" else option.by for option in options]
    return [
        one
        for option, title in zip(options, titles, strict=True)
        for one in _slices(facts, option, _told_apart(option) if titles.count(title) > 1 else str(title))
    ]


def require_readable(options: Sequence[SliceOptions]) -> None:
    """Raise BadInput for a CSV that can't be used, before anything is measured."""
    for option in options:
        if option.by == "csv":
            _csv(option)


def _told_apart(option: SliceOptions) -> str:
    """A title for one of several ways to part the images that would have the same."""
    if option.by == "csv":
        return f"{option.column} ({PurePosixPath(option.csv or '').name})"
    edges = ", ".join(f"{edge:g}" for edge in option.edges or ())
    return f"{option.by} ({option.pattern or edges})"


def _slices(facts: Sequence[ImageFacts], option: SliceOptions, title: str) -> list[Slice]:
    value_of = {"folder": _folder, "name": _name, "size": _size, "brightness": _brightness, "csv": _csv}[
        option.by
    ](option)
    members: dict[tuple[float, str], list[int]] = {}
    for index, one in enumerate(facts):
        value = value_of(one)
        if value is not None:
            members.setdefault(value, []).append(index)
    if option.by == "csv" and not members:
        raise BadInput(
            f"none of the evaluation images has a value in the column `{option.column}`",
            str(option.csv),
            f"write the images' names into the column `{FILENAME_COLUMN}` as the report shows them",
        )
    return [Slice(f"{title} {name}", tuple(members[order, name])) for order, name in sorted(members)]


Value = tuple[float, str] | None  # what slices are ordered by, and the name for people


def _folder(option: SliceOptions) -> Callable[[ImageFacts], Value]:
    return lambda one: (0.0, str(PurePosixPath(one.filename).parent))


def _name(option: SliceOptions) -> Callable[[ImageFacts], Value]:
    pattern = re.compile(option.pattern or "")

    def value(one: ImageFacts) -> Value:
        found = pattern.search(one.filename)
        text = found and found.group(1 if pattern.groups else 0)
        return (0.0, text) if text else None

    return value


def _size(option: SliceOptions) -> Callable[[ImageFacts], Value]:
    return lambda one: _between(max(one.width, one.height), option.edges or (), " px")


def _brightness(option: SliceOptions) -> Callable[[ImageFacts], Value]:
    return lambda one: _between(one.brightness, option.edges or (), "")


def _between(value: float, edges: Sequence[float], unit: str) -> Value:
    below = sum(edge <= value for edge in edges)
    if below == 0:
        return 0.0, f"under {edges[0]:g}{unit}"
    if below == len(edges):
        return float(below), f"from {edges[-1]:g}{unit}"
    return float(below), f"{edges[below - 1]:g} to {edges[below]:g}{unit}"


def _csv(option: SliceOptions) -> Callable[[ImageFacts], Value]:
    path, column = Path(option.csv or ""), option.column or ""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            for wanted in (FILENAME_COLUMN, column):
                if wanted not in (reader.fieldnames or ()):
                    raise BadInput(
                        f"the CSV for slices has no column `{wanted}`",
                        str(path),
                        f"its columns are: {', '.join(reader.fieldnames or ())}",
                    )
            values = {row[FILENAME_COLUMN]: row[column] for row in reader}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInput(
            f"the CSV for slices can't be read: {error}", str(path), "correct `csv` in `evaluate.slices`"
        ) from None

    def value(one: ImageFacts) -> Value:
        found = values.get(one.filename) or values.get(PurePosixPath(one.filename).name)
        return (0.0, found) if found else None

    return value
