"""An image that flips and crops can move before it is decoded: of a JPEG only the window left is."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from detection.preprocess import decode_image

_JPEG = b"\xff\xd8\xff"
# Chroma that is stored at half the size is interpolated with its neighbour, which is two pixels away; at the
# border of what is decoded there is none. So more than that is decoded around a window, and cut off, and its
# pixels are those of the whole image.
_MARGIN = 4


class EncodedImage(NamedTuple):
    """A window of an image file, mirrored or not.

    Attributes:
      encoded: the file's bytes, string.
      others: uint8 [h, w, 3], the pixels of a file that isn't a JPEG; empty for a JPEG.
      file_size: int32 [2], the height and width of the file.
      begin: int32 [2], the row and column where the window begins in the file.
      size: int32 [2], the height and width of the window.
      mirrored: whether the window's rows, and its columns, are taken the other way round: a bool tensor, or
        False where no step does that.
    """

    encoded: tf.Tensor
    others: tf.Tensor
    file_size: tf.Tensor
    begin: tf.Tensor
    size: tf.Tensor
    mirrored: tuple[tf.Tensor | bool, tf.Tensor | bool]

    @staticmethod
    def of(encoded: tf.Tensor) -> EncodedImage:
        """The whole of a JPEG, PNG, BMP or GIF file; of a JPEG no more than the header is read."""

        def other() -> tuple[tf.Tensor, tf.Tensor]:
            pixels = tf.ensure_shape(decode_image(encoded), [None, None, 3])
            return pixels, tf.shape(pixels)[:2]

        others, size = tf.cond(
            _is_jpeg(encoded),
            lambda: (tf.zeros([0, 0, 3], tf.uint8), tf.io.extract_jpeg_shape(encoded)[:2]),
            other,
        )
        return EncodedImage(
            encoded,
            tf.ensure_shape(others, [None, None, 3]),
            size,
            tf.zeros([2], tf.int32),
            size,
            (False, False),
        )

    def crop(self, begin: tf.Tensor, size: tf.Tensor) -> EncodedImage:
        """The part of `size` that begins at row and column `begin`, int32 [2] each, of the image as it is."""
        from_start = tf.where(tf.stack(self.mirrored), self.size - begin - size, begin)
        return self._replace(begin=self.begin + from_start, size=size)

    def mirror(self, axis: int, mirrored: tf.Tensor) -> EncodedImage:
        """The rows (axis 0) or columns (axis 1) the other way round if `mirrored`, bool, is true."""
        rows, columns = self.mirrored
        if axis == 0:
            return self._replace(mirrored=(_either(rows, mirrored), columns))
        return self._replace(mirrored=(rows, _either(columns, mirrored)))

    def decode(self) -> tf.Tensor:
        """The window's pixels, uint8 [h, w, 3]: the same as of the whole image, decoded and then moved."""

        def jpeg() -> tf.Tensor:
            first = tf.maximum(self.begin - _MARGIN, 0)
            last = tf.minimum(self.begin + self.size + _MARGIN, self.file_size)
            around = tf.io.decode_and_crop_jpeg(
                self.encoded, tf.concat([first, last - first], axis=0), channels=3
            )
            return crop_pixels(around, self.begin - first, self.size)

        image = tf.cond(_is_jpeg(self.encoded), jpeg, lambda: crop_pixels(self.others, self.begin, self.size))
        for axis, mirrored in enumerate(self.mirrored):
            image = image if mirrored is False else mirror_pixels(image, axis, mirrored)
        return tf.ensure_shape(image, [None, None, 3])


def crop_pixels(image: tf.Tensor, begin: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """The part of [h, w, 3] of `size` that begins at `begin`, int32 [2] each."""
    return tf.slice(image, tf.pad(begin, [[0, 1]]), tf.pad(size, [[0, 1]], constant_values=3))


def mirror_pixels(pixels: tf.Tensor, axis: int, mirrored: tf.Tensor) -> tf.Tensor:
    """A tensor along `axis` the other way round if `mirrored`, bool, is true."""
    # a slice with a step of -1 gives the same, and takes twenty times as long
    return tf.cond(mirrored, lambda: tf.reverse(pixels, [axis]), lambda: pixels)


def _either(before: tf.Tensor | bool, mirrored: tf.Tensor) -> tf.Tensor:
    """Whether one of both, and not the other, is true."""
    return mirrored if before is False else tf.not_equal(before, mirrored)


def _is_jpeg(encoded: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.strings.substr(encoded, 0, len(_JPEG)), _JPEG)
