"""keep_aspect_ratio_resizer with pad_to_max_dimension, as a part of the network instead of the preprocessing.

So a preprocessed image still says how large it is: the OD API passes that along beside the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from detection.detector import Groundtruth


@dataclass(frozen=True)
class Padding:
    """Rows below and columns to the right, up to a square of `side` pixels.

    Attributes:
      colour: of the padding before the extractor's preprocessing, 3 values of 0..255.
    """

    side: int
    colour: tuple[float, ...]

    def pad(self, preprocessed: tf.Tensor, preprocess: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
        """`[B, h, w, 3]` -> `[B, side, side, 3]`; `preprocess` is the extractor's, of single pixels."""
        pixel = preprocess(tf.constant(self.colour, shape=[1, 1, 1, 3]))
        missing = self.side - tf.shape(preprocessed)[1:3]
        padded = tf.pad(preprocessed - pixel, [[0, 0], [0, missing[0]], [0, missing[1]], [0, 0]])
        return tf.ensure_shape(padded + pixel, [None, self.side, self.side, 3])

    def pad_groundtruth(self, groundtruth: Groundtruth, size: tf.Tensor) -> Groundtruth:
        """Boxes, and masks `[B, N, h, w]` if there are any, of images of `size` (h, w), after padding."""
        scale = tf.tile(tf.cast(size, tf.float32) / self.side, [2])
        padded = groundtruth | {"boxes": groundtruth["boxes"] * scale}
        if "masks" in groundtruth:
            missing = self.side - size
            paddings = [[0, 0], [0, 0], [0, missing[0]], [0, missing[1]]]
            padded["masks"] = tf.pad(groundtruth["masks"], paddings)
        return padded


def take_padding(image_resizer: Any) -> Padding | None:
    """The padding an `ImageResizer` proto asks for, and remove it from the proto; None if it has none."""
    resizer = image_resizer.keep_aspect_ratio_resizer
    if not image_resizer.HasField("keep_aspect_ratio_resizer") or not resizer.pad_to_max_dimension:
        return None
    padding = Padding(resizer.max_dimension, tuple(resizer.per_channel_pad_value) or (0.0, 0.0, 0.0))
    resizer.pad_to_max_dimension = False
    return padding
