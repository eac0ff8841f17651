"""Reads one image file as a trainer will see it: upright, RGB, JPEG or PNG."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from components.example_gen.records import Action, GoodBox

EXIF_ORIENTATION = 0x0112
JPEG_QUALITY = 95  # where an image must be written anew


class UndecodableImage(Exception):
    """The file isn't a whole image; the message says why."""


@dataclass(frozen=True)
class DecodedImage:
    """`encoded` is the file itself, byte by byte, unless a change of code DATA005 or DATA012 was needed."""

    encoded: bytes
    format: str  # "jpeg" or "png"
    stored_size: tuple[int, int]  # (width, height) of the pixels in the file
    size: tuple[int, int]  # upright
    orientation: int  # EXIF, 1 to 8
    changes: tuple[tuple[str, Action, str], ...]  # (code, action, detail)


def decode_image(data: bytes) -> DecodedImage:
    """Decodes every pixel, so that a cut-off file is found here and not in training.

    TensorFlow ignores the EXIF orientation, people and annotation tools don't: such an image is stored
    upright. So is every image that isn't 8-bit RGB JPEG or PNG: grey, palette, CMYK, alpha, 16-bit, GIF.

    Raises:
      UndecodableImage: with the reason.
    """
    if data.startswith(b"version https://git-lfs"):
        raise UndecodableImage("it is a Git LFS pointer; run `git lfs pull`")
    if not data:
        raise UndecodableImage("the file is empty")
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            kind, mode, stored = image.format or "", image.mode, image.size
            orientation = int(image.getexif().get(EXIF_ORIENTATION, 1))
            picture = image.copy()
    except Exception as error:  # Pillow's plugins raise a dozen types for a damaged file
        raise UndecodableImage(str(error) or type(error).__name__) from error
    kind = "JPEG" if kind == "MPO" else kind  # an MPO is a JPEG with further pictures after it
    orientation = orientation if 1 <= orientation <= 8 else 1
    changes: list[tuple[str, Action, str]] = []
    if orientation != 1:
        changes.append(("DATA005", "turned", f"orientation {orientation}"))
    if mode != "RGB" or kind not in ("JPEG", "PNG"):
        changes.append(("DATA012", "converted", f"{kind} {mode}"))
    if not changes:
        return DecodedImage(data, kind.lower(), stored, stored, 1, ())
    upright = _rgb(ImageOps.exif_transpose(picture))
    buffer = io.BytesIO()
    if kind == "JPEG":
        upright.save(buffer, "JPEG", quality=JPEG_QUALITY)
    else:
        upright.save(buffer, "PNG")
    new_format = "jpeg" if kind == "JPEG" else "png"
    return DecodedImage(buffer.getvalue(), new_format, stored, upright.size, orientation, tuple(changes))


def turn_box(box: GoodBox, orientation: int) -> GoodBox:
    """Takes a normalised box of the stored picture to the upright one."""
    corners = [_turn_point(box.xmin, box.ymin, orientation), _turn_point(box.xmax, box.ymax, orientation)]
    (xmin, xmax), (ymin, ymax) = (sorted(point[i] for point in corners) for i in (0, 1))
    return GoodBox(ymin, xmin, ymax, xmax, box.label, box.label_id, box.difficult, box.truncated)


def _turn_point(x: float, y: float, orientation: int) -> tuple[float, float]:
    return {
        1: (x, y),
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (1 - y, x),
        7: (1 - y, 1 - x),
        8: (y, 1 - x),
    }[orientation]


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bits and more: Pillow would clip at 255
        pixels = np.asarray(image, np.float64)
        top = 65535.0 if pixels.max() > 255 else 255.0
        image = Image.fromarray(np.clip(pixels * 255 / top, 0, 255).round().astype(np.uint8))
    return image.convert("RGB")
