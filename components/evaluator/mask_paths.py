"""Masks as paths of an SVG picture."""

from __future__ import annotations

import numpy as np
from faster_coco_eval.core import mask

from components.evaluator.detections import RleMask

_STEP = 2  # pixels of the picture: a smooth border to the eye at a quarter of the bytes


def mask_path(found: RleMask, width: int, height: int) -> str:
    """What the mask covers in a picture of `width` x `height` pixels, as bars for a path's `d`.

    "" if it covers nothing that is large enough to be seen.
    """
    pixels = np.asarray(mask.decode(found)).reshape(found["size"]) > 0
    rows, columns = (
        ((np.arange(shown // _STEP) + 0.5) * _STEP * size / shown).astype(int)
        for shown, size in ((height, pixels.shape[0]), (width, pixels.shape[1]))
    )
    inside = np.pad(pixels[np.ix_(rows, columns)], [(0, 0), (1, 1)]).astype(np.int8)
    edges = np.argwhere(np.diff(inside, axis=1)).tolist()  # where a bar begins and ends, in turn
    bars = zip(edges[::2], edges[1::2], strict=True)
    return "".join(
        f"M{start * _STEP} {row * _STEP}h{(end - start) * _STEP}v{_STEP}h{(start - end) * _STEP}z"
        for (row, start), (_, end) in bars
    )
