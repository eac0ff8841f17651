"""Draws the outline of an object: COCO's polygons and run lengths, YOLO's polygons."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from components.example_gen.records import Outline

FAR = 1.0  # so many sizes of the image a corner may lie outside: a polygon costs memory by its length
_DIGIT_BITS, _MORE, _NEGATIVE, _ZERO = 5, 0x20, 0x10, ord("0")  # of COCO's run lengths as text


def draw(outline: Outline, frame: tuple[int, int], size: tuple[int, int]) -> npt.NDArray[np.uint8] | None:
    """The mask, uint8 [height, width], 255 where the object is; None for an outline that makes no sense.

    What is wrong with it must be found here: pycocotools' C code trusts what it is given, and a damaged file
    ends the process.

    Args:
      frame: (width, height) in pixels of the picture that it was drawn in.
      size: (width, height) of the mask. Run lengths are drawn in the frame's size only.
    """
    try:
        said = json.loads(outline.segmentation)
        if isinstance(said, dict):
            return _of_runs(said, size) if size == frame else None
        return _of_polygons(said, (1, 1) if outline.shares else frame, size)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        return None


def _of_polygons(said: list[Any], whole: tuple[int, int], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """`whole` is the far corner of the image. Raises TypeError, ValueError, OverflowError for no polygons."""
    polygons = []
    far, scale = np.asarray(whole, np.float64), np.divide(size, whole)
    for numbers in [said] if _is_number(said[0]) else said:  # some tools leave the list of polygons out
        if len(numbers) >= 6:  # a line has no area
            points = np.asarray(numbers[: len(numbers) // 2 * 2], np.float64).reshape(-1, 2)
            if not ((points >= -FAR * far) & (points <= (1 + FAR) * far)).all():  # no for NaN too
                raise ValueError("a corner lies far outside")
            polygons.append((points * scale).ravel().tolist())
    if not polygons:
        raise ValueError("no polygon has three corners")
    width, height = size
    drawn = coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)))
    return np.asarray(drawn * 255, np.uint8)


def _of_runs(said: dict[str, Any], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Run lengths go down the columns, the first is of background. Raises as _of_polygons."""
    width, height = size
    counts = said["counts"]
    runs = _counts_in(counts) if isinstance(counts, str) else [int(count) for count in counts]
    if list(said["size"]) != [height, width] or min(runs) < 0 or sum(runs) != width * height:
        raise ValueError("the run lengths aren't those of this image")
    values = np.zeros(len(runs), np.uint8)
    values[1::2] = 255
    return np.repeat(values, runs).reshape(width, height).T


def _counts_in(text: str) -> list[int]:
    """COCO's run lengths as text: five bits a letter; from the fourth on added to the last but one."""
    counts: list[int] = []
    value = shift = 0
    for digit in (letter - _ZERO for letter in text.encode("ascii")):
        value |= (digit & 0x1F) << shift
        shift += _DIGIT_BITS
        if not digit & _MORE:
            value |= -1 << shift if digit & _NEGATIVE else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    if shift:
        raise ValueError("the last number is cut off")
    return counts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
