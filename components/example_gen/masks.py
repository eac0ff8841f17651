"""Takes the mask of an object along with its image: the same turn, the same scale."""

from __future__ import annotations

import io

from PIL import Image

from components.example_gen.decode import DECODE_LIMIT
from components.example_gen.frame import Frame
from components.example_gen.orientation import turn_picture
from components.example_gen.records import Outline
from components.example_gen.remarks import SetAside
from detection.picture_formats import PIXEL_FORMATS

CODE = "DATA033"


def fit_mask(mask: bytes | Outline | None, frame: Frame) -> bytes:
    """The mask as a PNG of the written image's size; the same bytes where nothing must change.

    Args:
      mask: a grey PNG of the frame's size, not 0 where the object is; or an outline in the frame.

    Raises:
      SetAside: there is none, it can't be decoded or drawn, has another size, or is empty.
    """
    if mask is None:
        raise SetAside(CODE, "masks are wanted, and it has none")
    unchanged = False
    if isinstance(mask, Outline):
        picture = _drawn(mask, frame)
    else:
        picture, unchanged = _decoded(mask, frame)
    upright = turn_picture(picture, frame.orientation)
    if upright.size != frame.written:
        upright = upright.resize(frame.written, Image.Resampling.NEAREST)
    if upright.getbbox() is None:
        raise SetAside(CODE, "its mask is empty")
    if unchanged and isinstance(mask, bytes) and frame.orientation == 1 and frame.size == frame.written:
        return mask
    buffer = io.BytesIO()
    upright.save(buffer, "PNG")
    return buffer.getvalue()


def _drawn(outline: Outline, frame: Frame) -> Image.Image:
    from components.example_gen.outlines import draw

    small = frame.size[0] * frame.size[1] <= DECODE_LIMIT
    pixels = draw(outline, frame.size, frame.size if small else frame.pixels)
    if pixels is None:
        raise SetAside(CODE, f"its outline can't be drawn in {frame.size[0]}x{frame.size[1]}")
    return Image.fromarray(pixels)


def _decoded(mask: bytes, frame: Frame) -> tuple[Image.Image, bool]:
    """The picture of the mask, and whether it may stay as it is."""
    try:
        with Image.open(io.BytesIO(mask), formats=PIXEL_FORMATS) as opened:
            opened.load()
            picture, unchanged = opened.convert("L"), opened.mode == "L" and opened.format == "PNG"
    except Exception as error:  # Pillow's plugins raise a dozen types for a damaged file
        raise SetAside(CODE, "its mask can't be decoded") from error
    if picture.size != frame.size:
        detail = f"its mask is {picture.width}x{picture.height} in {frame.size[0]}x{frame.size[1]}"
        raise SetAside(CODE, detail)
    return picture, unchanged
