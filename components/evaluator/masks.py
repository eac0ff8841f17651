"""Masks of objects and detections as COCO's run lengths."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from faster_coco_eval.core import mask
from numpy.typing import NDArray

from components.evaluator.detections import RleMask
from detection.errors import BadInput

_THRESHOLD = 0.5  # the OD API's exporter
_AT_A_TIME = 8  # masks of the whole image in memory


def decode_masks(pictures: Sequence[bytes], size: tuple[int, int], filename: str) -> list[RleMask]:
    """Masks of PNGs of the image's size (height, width), not 0 where the object is; or BadInput."""
    masks = []
    for picture in pictures:
        try:
            pixels = tf.io.decode_png(picture, channels=1).numpy()[..., 0]
        except tf.errors.InvalidArgumentError:
            pixels = np.zeros((0, 0), np.uint8)
        if pixels.shape != size:
            raise BadInput(
                "a mask of an evaluation example is no PNG of the image's size",
                filename or "an evaluation example",
                "run ExampleGen again with --force",
            )
        masks.append(_encode(pixels > 0))
    return masks


def image_masks(
    box_masks: NDArray[np.float32], boxes: NDArray[np.float32], size: tuple[int, int]
) -> list[RleMask]:
    """Masks inside boxes as masks of the whole image.

    Args:
      box_masks: probabilities [n, h, w] over each box.
      boxes: [n, 4], normalised.
      size: height and width of the image in pixels.

    Resampled bilinearly and cut at 0.5, like the OD API's reframe_box_masks_to_image_masks and exporter.
    """
    masks: list[RleMask] = []
    for start in range(0, len(boxes), _AT_A_TIME):
        part = boxes[start : start + _AT_A_TIME].astype(np.float32)
        extent = np.maximum(np.tile(part[:, 2:] - part[:, :2], 2), 1e-8)
        corner = np.tile(part[:, :2], 2)
        whole = (np.array([0, 0, 1, 1], np.float32) - corner) / extent  # the image, as its box sees it
        crops = tf.image.crop_and_resize(
            box_masks[start : start + _AT_A_TIME, ..., None], whole, tf.range(len(part)), size
        )
        masks += [_encode(crop > _THRESHOLD) for crop in crops.numpy()[..., 0]]
    return masks


def _encode(inside: NDArray[np.bool_]) -> RleMask:
    return dict(mask.encode(np.asfortranarray(inside.astype(np.uint8))))
