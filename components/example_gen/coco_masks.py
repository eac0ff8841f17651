"""COCO's polygons and run lengths -> a mask of the image."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask


def to_png(segmentation: Any, width: int, height: int) -> bytes | None:
    """The mask as a PNG of the image's size: 8-bit grey, 255 where the object is; None if it can't be read.

    Args:
      segmentation: a list of polygons [x1, y1, x2, y2, ...], or RLE with `counts` as a list or as text.
      width, height: the image's, in pixels.
    """
    try:
        if isinstance(segmentation, list):
            polygons = [polygon for polygon in segmentation if len(polygon) >= 6]
            if not polygons:
                return None
            runs = coco_mask.merge(coco_mask.frPyObjects(polygons, height, width))
        elif list(segmentation["size"]) != [height, width]:
            return None
        elif isinstance(segmentation["counts"], list):
            runs = coco_mask.frPyObjects(segmentation, height, width)
        else:
            runs = segmentation
        pixels = coco_mask.decode(runs)
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError):
        return None
    buffer = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8) * 255).save(buffer, "PNG")
    return buffer.getvalue()
