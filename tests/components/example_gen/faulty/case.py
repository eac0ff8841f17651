"""One faulty input: how it is made, and what must become of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = (100, 80)
GOOD = ("cat", (10, 20, 50, 60))  # xmin, ymin, xmax, ymax
Box = tuple[str, tuple[Any, Any, Any, Any]]
Found = tuple[str, str]  # code, action


@dataclass(frozen=True)
class Case:
    """`write(folder, stem)` makes the data set in an empty folder and returns what `data.train` names.

    Only `findings` that differ in code or action count, sorted. `images` and `boxes` are (read, written).
    """

    name: str
    seen: str  # what people report
    write: Callable[[Path, str], Path]
    findings: tuple[Found, ...]
    images: tuple[int, int]
    boxes: tuple[int, int]
    options: dict[str, Any] = field(default_factory=dict)


def photo(seed: int = 0, size: tuple[int, int] = SIZE, mode: str = "RGB") -> Image.Image:
    """Noise: nothing in it can be guessed, so no codec makes a cut-off file look whole."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(seed: int = 0, size: tuple[int, int] = SIZE, mode: str = "RGB", **options: Any) -> bytes:
    return encoded(photo(seed, size, mode), "JPEG", **options)


def turned(orientation: int) -> bytes:
    """A JPEG of SIZE as stored, with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(exif=exif)


def voc_xml(boxes: Sequence[Box], size: tuple[int, int] | None = SIZE, filename: str = "") -> str:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{b[0]}</xmin><ymin>{b[1]}</ymin>"
        f"<xmax>{b[2]}</xmax><ymax>{b[3]}</ymax></bndbox></object>"
        for label, b in boxes
    )
    sizes = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    return f"<annotation><filename>{filename}</filename>{sizes}{objects}</annotation>"


def voc(
    name: str,
    seen: str,
    *,
    image: bytes | None = b"",
    boxes: Sequence[Box] = (GOOD,),
    size: tuple[int, int] | None = SIZE,
    suffix: str = ".jpg",
    xml: str | None = "",
    findings: Sequence[Found] = (),
    written: tuple[int, int] | None = None,
    read: int | None = None,
    **options: Any,
) -> Case:
    """One image with its XML; `image` or `xml` of None leaves that file out, an empty one is made as usual.

    Args:
      written: how many images and boxes are; by default all that are read.
      read: how many boxes are, where they aren't `boxes`.
    """

    def write(folder: Path, stem: str) -> Path:
        picture = image or jpeg(len(name) * 1000 + sum(name.encode()))
        if image is not None:
            (folder / f"{stem}{suffix}").write_bytes(picture)
        if xml is not None:
            (folder / f"{stem}.xml").write_text(xml or voc_xml(boxes, size), encoding="utf-8")
        return folder

    boxes_read = len(boxes) if read is None else read
    images_written, boxes_written = (1, boxes_read) if written is None else written
    ordered = tuple(sorted(set(findings)))
    return Case(name, seen, write, ordered, (1, images_written), (boxes_read, boxes_written), options)


def data_set(
    name: str,
    seen: str,
    write: Callable[[Path], Path],
    findings: Sequence[Found],
    images: tuple[int, int],
    boxes: tuple[int, int],
    **options: Any,
) -> Case:
    """A whole data set that `write` makes in a folder; it returns what `data.train` names."""
    found = tuple(sorted(set(findings)))
    return Case(name, seen, lambda folder, _: write(folder), found, images, boxes, options)
