"""Reads one image file as a trainer will see it: upright, 8 bits, RGB or grey, JPEG or PNG."""

from __future__ import annotations

import io
from typing import NamedTuple

import numpy as np
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from components.example_gen.jpeg_markers import JpegHeader, reaches_its_end, read_whole_jpeg
from components.example_gen.orientation import orientation_of, turn_picture, upright_size
from components.example_gen.png_chunks import BIT_DEPTH, damage_in_png
from components.example_gen.records import Action
from components.example_gen.sniff import what_it_is
from detection.picture_formats import OTHER_FORMATS

JPEG_QUALITY = 95  # where a JPEG must be written anew
DECODE_LIMIT = 80_000_000  # pixels: 240 MB as RGB, four times that as a trainer's floats


class UndecodableImage(Exception):
    """The file isn't a whole image, or one too large; the message says why."""

    def __init__(self, reason: str, code: str = "DATA001") -> None:
        super().__init__(reason)
        self.code = code


class DecodedImage(NamedTuple):
    """`encoded` is the file itself, byte by byte, unless a change made it necessary to write it anew."""

    encoded: bytes
    format: str  # "jpeg" or "png"
    kind: str  # Pillow's name for the format of the file as it was read
    stored_size: tuple[int, int]  # (width, height) of the pixels in the file
    upright_size: tuple[int, int]
    size: tuple[int, int]  # as written: upright, and smaller where `max_side` asks for it
    orientation: int  # EXIF, 1 to 8
    changes: tuple[tuple[str, Action, str], ...]  # (code, action, detail)


def decode_image(data: bytes, max_side: int | None = None) -> DecodedImage:
    """Reads the header, and the pixels only as far as needed, so that damage is found here, not in training.

    TensorFlow ignores the EXIF orientation, people and annotation tools don't: such an image is stored
    upright. Images of 8-bit RGB or grey in JPEG or PNG are kept as they are; others are written anew as RGB:
    a JPEG as a JPEG, the rest as PNG, without loss. 16 bits are scaled to 8. Of several frames the first
    counts.

    Args:
      max_side: the longest side allowed, in pixels; a longer image is written smaller.

    Raises:
      UndecodableImage: with the reason and its code.
    """
    header = read_whole_jpeg(data)
    if header is not None and not header.metadata and _fits(header.size, max_side):
        return _as_it_is(data, header)
    try:
        with _open(data) as image:
            return _read(data, image, header is not None, max_side)
    except (UndecodableImage, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise UndecodableImage(what_it_is(data)) from error
    except Image.DecompressionBombError as error:
        raise _too_large(None) from error
    except Exception as error:  # Pillow's plugins raise a dozen types for a damaged file
        raise UndecodableImage(str(error) or type(error).__name__) from error


def _open(data: bytes) -> Image.Image:
    """The image with its header read. A JPEG is opened without Pillow's limit: it can be decoded smaller."""
    if data.startswith(b"\xff\xd8\xff"):
        try:
            return JpegImagePlugin.JpegImageFile(io.BytesIO(data))
        except Exception as error:
            raise UndecodableImage(what_it_is(data)) from error
    return Image.open(io.BytesIO(data), formats=OTHER_FORMATS)


def _fits(size: tuple[int, int], max_side: int | None) -> bool:
    return size[0] * size[1] <= DECODE_LIMIT and (max_side is None or max(size) <= max_side)


def _as_it_is(data: bytes, header: JpegHeader) -> DecodedImage:
    """What needs no more than its markers: a whole JPEG, upright, small enough."""
    size = header.size
    changes = _changes(data, "JPEG", "L" if header.grey else "RGB", 1)
    return DecodedImage(data, "jpeg", "JPEG", size, size, size, 1, changes)


def _read(data: bytes, image: Image.Image, whole: bool, max_side: int | None) -> DecodedImage:
    """Args: `whole`: whether it is a JPEG that needs no decoding for a proof."""
    kind, mode, opened = image.format or "", image.mode, image.size
    longest = max(opened)
    scale = max_side / longest if max_side and longest > max_side else 1.0
    if scale < 1 and isinstance(image, JpegImagePlugin.JpegImageFile):
        # the decoder itself leaves out detail: twice the wanted size is enough to scale down from
        image.draft(None, (max(1, round(2 * scale * opened[0])), max(1, round(2 * scale * opened[1]))))
    decoded = opened if image.info.get("progressive") else image.size  # all of its coefficients are held
    if decoded[0] * decoded[1] > DECODE_LIMIT:
        raise _too_large(opened)
    orientation = 1 if kind == "PNG" and not _may_state_orientation(data) else orientation_of(image)
    turned_by_pillow = kind == "TIFF"  # while loading, and the size in its header is the upright one
    stored = upright_size(opened, orientation) if turned_by_pillow else opened
    upright = upright_size(stored, orientation)
    proved = whole or _proved_whole(data, kind)
    changes = _changes(data, kind, mode, orientation)
    if scale == 1 and all(action == "kept" for _, action, _ in changes):
        if not proved:
            _decode_to_verify(image)
        return DecodedImage(data, kind.lower(), kind, stored, upright, upright, orientation, changes)
    image.load()
    picture = _rgb(turn_picture(image, 1 if turned_by_pillow else orientation))
    if scale < 1:
        size = (max(1, round(upright[0] * scale)), max(1, round(upright[1] * scale)))
        detail = f"{upright[0]}x{upright[1]} to {size[0]}x{size[1]}"
        changes = (*changes, ("DATA017", "downscaled", detail))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    encoded, new_format = _encode(picture, kind)
    return DecodedImage(encoded, new_format, kind, stored, upright, picture.size, orientation, changes)


def _encode(picture: Image.Image, kind: str) -> tuple[bytes, str]:
    """The picture anew, and its format: what was a JPEG becomes one, the rest stays without loss."""
    buffer = io.BytesIO()
    if kind == "JPEG":
        picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
        return buffer.getvalue(), "jpeg"
    picture.save(buffer, "PNG")
    return buffer.getvalue(), "png"


def _changes(data: bytes, kind: str, mode: str, orientation: int) -> tuple[tuple[str, Action, str], ...]:
    changes: list[tuple[str, Action, str]] = []
    if orientation != 1:
        changes.append(("DATA005", "turned", f"orientation {orientation}"))
    bits = data[BIT_DEPTH] if kind == "PNG" else 8
    detail = f"{kind} {mode}" if bits == 8 else f"{kind} {mode}, {bits} bits"
    if kind not in ("JPEG", "PNG") or mode not in ("RGB", "L") or bits != 8:
        changes.append(("DATA012", "converted", detail))
    elif mode == "L":
        changes.append(("DATA012", "kept", f"{detail}: grey, which a trainer reads as RGB"))
    return tuple(changes)


def _may_state_orientation(png: bytes) -> bool:
    """Whether it is worth asking Pillow, which decodes a PNG to answer."""
    return any(name in png for name in (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp"))


def _proved_whole(data: bytes, kind: str) -> bool:
    """Whether no decoding is needed for a proof. Raises UndecodableImage for damage that Pillow ignores."""
    damage = damage_in_png(data) if kind == "PNG" else None
    if kind == "JPEG" and not reaches_its_end(data):
        damage = "it ends too early: the file was cut off, or is filled with something else"
    if damage:
        raise UndecodableImage(damage)
    return kind == "PNG"


def _decode_to_verify(image: Image.Image) -> None:
    """Decodes all the coded data of a JPEG, but only an eighth of its pixels and no colour."""
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        image.draft("L", (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()


def _too_large(size: tuple[int, int] | None) -> UndecodableImage:
    said = f"{size[0]}x{size[1]} is" if size else "it has"
    limit = f"{DECODE_LIMIT // 1_000_000} million pixels"
    return UndecodableImage(f"{said} more than {limit}; with data.max_side a JPEG is read smaller", "DATA017")


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):  # 16 bits and more: Pillow would clip at 255
        pixels = np.nan_to_num(np.asarray(image, np.float64))
        white = 65535.0 if pixels.max() > 255 else 255.0
        white = 1.0 if image.mode == "F" and pixels.max() <= 1 else white
        image = Image.fromarray(np.clip(pixels * 255 / white, 0, 255).round().astype(np.uint8))
    return image.convert("RGB")
