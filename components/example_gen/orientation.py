"""The eight EXIF orientations: what takes a stored picture, and a box in it, to the upright one."""

from __future__ import annotations

from PIL import Image

from components.example_gen.records import GoodBox

EXIF_TAG = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where none is stated or an impossible one."""
    try:
        stated = image.getexif().get(EXIF_TAG, 1)
    except Exception:  # damaged EXIF data: viewers ignore them too
        return 1
    return stated if stated in _TURNS else 1


def upright_size(stored: tuple[int, int], orientation: int) -> tuple[int, int]:
    """(width, height) of the picture once it is upright; the way back is the same."""
    return (stored[1], stored[0]) if orientation >= 5 else stored


def turn_picture(stored: Image.Image, orientation: int) -> Image.Image:
    """The picture upright."""
    return stored.transpose(_TURNS[orientation]) if orientation in _TURNS else stored


def turn_box(box: GoodBox, orientation: int) -> GoodBox:
    """Takes a normalised box of the stored picture to the upright one; its mask stays as it is."""
    if orientation == 1:
        return box
    corners = [_turn_point(box.xmin, box.ymin, orientation), _turn_point(box.xmax, box.ymax, orientation)]
    (xmin, xmax), (ymin, ymax) = (sorted(point[i] for point in corners) for i in (0, 1))
    return box._replace(ymin=ymin, xmin=xmin, ymax=ymax, xmax=xmax)


def _turn_point(x: float, y: float, orientation: int) -> tuple[float, float]:
    return {
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (1 - y, x),
        7: (1 - y, 1 - x),
        8: (y, 1 - x),
    }[orientation]
