"""From an image's bytes as numbers to the network's input, exactly as TF1 did it."""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf


def decode_image(encoded: tf.Tensor) -> tf.Tensor:
    """A JPEG, PNG, BMP or GIF file's bytes, a string scalar -> uint8 `[h, w, 3]`; a GIF's first frame."""
    image: tf.Tensor = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    return image


_METHODS = {
    "BILINEAR": tf.compat.v1.image.ResizeMethod.BILINEAR,
    "NEAREST_NEIGHBOR": tf.compat.v1.image.ResizeMethod.NEAREST_NEIGHBOR,
    "BICUBIC": tf.compat.v1.image.ResizeMethod.BICUBIC,
    "AREA": tf.compat.v1.image.ResizeMethod.AREA,
}


def _resize(
    images: tf.Tensor, size: tf.Tensor | list[int], method: str, preserve_aspect_ratio: bool = False
) -> tf.Tensor:
    """float32 `images` of `size`, sampled as the OD API's resizers do.

    Bytes are resized as they are, to the same values: a cast first would write the whole image again, four
    times as large.
    """
    resized = tf.compat.v1.image.resize_images(
        images,
        size,
        method=_METHODS[method],
        align_corners=False,
        preserve_aspect_ratio=preserve_aspect_ratio,
    )
    # the nearest neighbour of a byte, and an image that has its size already, are bytes
    return tf.cast(resized, tf.float32)


@dataclass(frozen=True)
class FixedShapeResizer:
    """The OD API's fixed_shape_resizer in TF1: corners not aligned, no half-pixel centres.

    tf.image.resize of TF 2 samples at half-pixel centres: other pixels, and so other detections.
    `method` is a name of the OD API's ResizeType.
    """

    height: int
    width: int
    method: str = "BILINEAR"

    def resize(self, images: tf.Tensor) -> tf.Tensor:
        """`[B, h, w, 3]` (or `[h, w, 3]`) uint8 or float32 -> float32 of this size, values still 0..255."""
        return _resize(images, [self.height, self.width], self.method)


@dataclass(frozen=True)
class KeepAspectRatioResizer:
    """The OD API's keep_aspect_ratio_resizer without padding (resize_to_range).

    The short side becomes `min_dimension`, unless the long one would then exceed `max_dimension`; then that
    one becomes `max_dimension`. Pixels are sampled as FixedShapeResizer does.
    """

    min_dimension: int
    max_dimension: int
    method: str = "BILINEAR"

    def resize(self, images: tf.Tensor) -> tf.Tensor:
        """`[B, h, w, 3]` (or `[h, w, 3]`) uint8 or float32 -> float32 of the new size, still 0..255."""
        height, width = tf.unstack(tf.shape(images)[-3:-1])
        short, long = self.min_dimension, self.max_dimension
        bounds = tf.where(height < width, [short, long], [long, short])
        resized = _resize(images, bounds, self.method, preserve_aspect_ratio=True)
        return tf.ensure_shape(resized, [*images.shape[:-3], None, None, images.shape[-1]])


def normalize(images: tf.Tensor) -> tf.Tensor:
    """0..255 -> [-1, 1], float32 (MobileNet's preprocessing in the OD API)."""
    return (2.0 / 255.0) * tf.cast(images, tf.float32) - 1.0
