"""Takes the mask of an object along with its image: the same turn, the same scale."""

from __future__ import annotations

import io

from PIL import Image

from components.example_gen.frame import Frame
from components.example_gen.orientation import turn_picture
from components.example_gen.remarks import SetAside

CODE = "DATA033"


def fit_mask(mask: bytes | None, frame: Frame) -> bytes:
    """The mask as a PNG of the written image's size; the same bytes where nothing must change.

    Args:
      mask: a grey PNG of the frame's size, not 0 where the object is.

    Raises:
      SetAside: there is none, it can't be decoded, has another size, or is empty.
    """
    if mask is None:
        raise SetAside(CODE, "masks are wanted, and it has none")
    try:
        with Image.open(io.BytesIO(mask)) as opened:
            opened.load()
            picture, kind = opened.convert("L"), opened.format
            unchanged = opened.mode == "L" and kind == "PNG"
    except Exception as error:  # Pillow's plugins raise a dozen types for a damaged file
        raise SetAside(CODE, "its mask can't be decoded") from error
    if picture.size != frame.size:
        detail = f"its mask is {picture.width}x{picture.height} in {frame.size[0]}x{frame.size[1]}"
        raise SetAside(CODE, detail)
    upright = turn_picture(picture, frame.orientation)
    if upright.size != frame.written:
        upright = upright.resize(frame.written, Image.Resampling.NEAREST)
    if upright.getbbox() is None:
        raise SetAside(CODE, "its mask is empty")
    if unchanged and frame.orientation == 1 and frame.size == frame.written:
        return mask
    buffer = io.BytesIO()
    upright.save(buffer, "PNG")
    return buffer.getvalue()
