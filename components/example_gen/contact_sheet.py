"""Pictures of a data set: some of each split with the boxes as written, and the worst of each finding."""

from __future__ import annotations

import heapq
import io
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from components.example_gen.decode import DECODE_LIMIT
from components.example_gen.fonts import dejavu_sans
from components.example_gen.outputs import join, make_folder, whole_file
from components.example_gen.records import ImageRecord
from components.example_gen.rules import RULES
from components.example_gen.shard_report import OFFENDERS, Sample, ShardReport
from detection.picture_formats import PIXEL_FORMATS

TILE_PX = (320, 240)  # width, height
COLUMNS = 3
_CAPTION_PX = 36
_LABEL_PX = 15
_LONGEST = 50  # letters of a caption's line
_COLOURS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000")

Corners = tuple[float, float, float, float]  # ymin, xmin, ymax, xmax as shares of the picture


@dataclass(frozen=True)
class Sheet:
    """A picture file below the quarantine's folder; `about` is its heading."""

    about: str
    file: str


def write_sheets(totals: Mapping[str, ShardReport], folder: str) -> list[Sheet]:
    """Writes `folder`/SPLIT.jpg for each split with images and `folder`/CODE.jpg for each finding's worst.

    The boxes of a split's pictures are those written; on a finding's pictures they are as annotated. A
    picture that can't be shown leaves a grey tile that says why.
    """
    make_folder(folder)
    sheets = []
    for split, total in totals.items():
        if total.samples:
            tiles = [_sample_tile(sample) for sample in total.samples]
            sheets.append(_write(tiles, folder, split, f"{split}: as written"))
    for code in sorted({code for total in totals.values() for code in total.offenders}):
        found = [one for total in totals.values() for one in total.offenders.get(code, ())]
        worst = heapq.nsmallest(OFFENDERS, found, key=lambda one: one.order)
        tiles = [_annotated_tile(one.record, one.detail) for one in worst]
        sheets.append(_write(tiles, folder, code, f"{code} {RULES[code]}"))
    return sheets


def _write(tiles: Sequence[Image.Image], folder: str, name: str, about: str) -> Sheet:
    rows = math.ceil(len(tiles) / COLUMNS)
    width, height = TILE_PX[0], TILE_PX[1] + _CAPTION_PX
    sheet = Image.new("RGB", (min(len(tiles), COLUMNS) * width, rows * height), "white")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, COLUMNS)
        sheet.paste(tile, (column * width, row * height))
    with whole_file(join(folder, f"{name}.jpg")) as path:
        sheet.save(path, "JPEG", quality=85)
    return Sheet(about, f"{Path(folder).name}/{name}.jpg")


def _sample_tile(sample: Sample) -> Image.Image:
    boxes = [(box.label, (box.ymin, box.xmin, box.ymax, box.xmax)) for box in sample.boxes]
    try:
        picture = ImageOps.exif_transpose(_open(sample.record)[0])
    except Exception as error:  # Pillow's plugins raise a dozen types
        return _tile(None, [], sample.record.name, str(error))
    return _tile(picture, boxes, sample.record.name, f"{len(boxes)} box{'es' * (len(boxes) != 1)}")


def _annotated_tile(record: ImageRecord, detail: str) -> Image.Image:
    """The picture as the annotation means it: turned upright, unless the size it states is the stored one."""
    try:
        picture, size = _open(record)
        upright = ImageOps.exif_transpose(picture)
        lies = upright.size != picture.size
        if not (lies and (record.width, record.height) == size):
            picture, size = upright, size[::-1] if lies else size
    except Exception:  # as above; the finding itself says what is wrong
        return _tile(None, [], record.name, detail)
    width, height = record.frame if all(record.frame) else size
    boxes = [
        (box.label, (box.ymin / height, box.xmin / width, box.ymax / height, box.xmax / width))
        for box in record.boxes
    ]
    return _tile(picture, boxes, record.name, detail)


def _open(record: ImageRecord) -> tuple[Image.Image, tuple[int, int]]:
    """The stored picture, of a JPEG as little as a tile needs, and its (width, height) in the file."""
    if record.source is None:
        raise OSError("there is no image")
    picture = Image.open(io.BytesIO(record.source.read()), formats=PIXEL_FORMATS)
    size = picture.size
    picture.draft(None, (2 * TILE_PX[0], 2 * TILE_PX[0]))
    if picture.width * picture.height > DECODE_LIMIT:
        raise OSError("it is too large to be shown")
    picture.load()
    return picture, size


def _tile(
    picture: Image.Image | None, boxes: Sequence[tuple[str, Corners]], name: str, detail: str
) -> Image.Image:
    width, height = TILE_PX
    tile = Image.new("RGB", (width, height + _CAPTION_PX), "white")
    draw = ImageDraw.Draw(tile)
    font = dejavu_sans(10)
    if picture is None:
        draw.rectangle((0, 0, width - 5, height - 1), fill="#cccccc")
    else:
        small = ImageOps.contain(picture.convert("RGB"), (width - 4, height))
        tile.paste(small, (0, 0))
        for label, corners in boxes:
            _draw_box(draw, font, label, corners, small.size)
    for line, text in enumerate((name[-_LONGEST:], detail[:_LONGEST])):
        shown = text.encode("utf-8", "backslashreplace").decode()  # a file's name may be no Unicode
        draw.text((2, height + 2 + 15 * line), shown, fill="black", font=font)
    return tile


def _draw_box(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont,
    label: str,
    corners: Corners,
    size: tuple[int, int],
) -> None:
    if not all(map(math.isfinite, corners)):
        return
    colour = _COLOURS[zlib.crc32(label.encode()) % len(_COLOURS)]
    # A box far outside shows as a line along the picture's edge.
    ys = sorted(min(max(y, 0.0), 1.0) * (size[1] - 1) for y in (corners[0], corners[2]))
    xs = sorted(min(max(x, 0.0), 1.0) * (size[0] - 1) for x in (corners[1], corners[3]))
    draw.rectangle((xs[0], ys[0], xs[1], ys[1]), outline=colour, width=2)
    if label:
        above = ys[0] - _LABEL_PX if ys[0] >= _LABEL_PX else ys[0]
        left, top, right, bottom = draw.textbbox((xs[0] + 2, above + 1), label, font=font)
        draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), fill=colour)
        draw.text((xs[0] + 2, above + 1), label, fill="white", font=font)
