"""What an augmentation step takes and gives: an image with its objects, and how both move together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from detection.augment_encoded import EncodedImage, crop_pixels, mirror_pixels


class Example(NamedTuple):
    """An image and its N objects.

    Attributes:
      image: [h, w, 3] of 0 to 255, float32; uint8 too in the steps of augment_options.MOVES, and a file that
        isn't decoded yet in those of augment_options.WINDOWS.
      boxes: float32 [N, 4], normalised [ymin, xmin, ymax, xmax].
      classes: int32 [N].
      masks: float32 [N, h, w], 1 where the object is and 0 elsewhere; None where masks are not learned.
    """

    image: Any  # tf.Tensor | EncodedImage: a step takes one of them, and MOVES and WINDOWS say which
    boxes: tf.Tensor
    classes: tf.Tensor
    masks: tf.Tensor | None = None

    @property
    def size(self) -> tf.Tensor:
        """Height and width of the image, int32 [2]."""
        return self.image.size if isinstance(self.image, EncodedImage) else tf.shape(self.image)[:2]

    def decoded(self) -> Example:
        """The example with its image as pixels."""
        if isinstance(self.image, EncodedImage):
            return self._replace(image=self.image.decode())
        return self

    def keep(self, kept: tf.Tensor) -> Example:
        """The objects that `kept`, bool [N], says."""
        # what tf.boolean_mask does, which looks at the shapes each time anew
        index = tf.reshape(tf.where(kept), [-1])
        rows = (self.boxes, self.classes, self.masks)
        boxes, classes, masks = (None if row is None else tf.gather(row, index) for row in rows)
        return self._replace(boxes=boxes, classes=classes, masks=masks)

    def move(self, function: Callable[[tf.Tensor], tf.Tensor]) -> Example:
        """Image and masks through `function`, which takes and gives [N, h, w, C]; the boxes are left."""
        image = tf.ensure_shape(function(self.image[tf.newaxis])[0], [None, None, 3])
        masks = None if self.masks is None else function(self.masks[..., tf.newaxis])[..., 0]
        return self._replace(image=image, masks=masks)

    def mirror(self, axis: int, mirrored: tf.Tensor) -> Example:
        """If `mirrored`, bool, rows (axis 0) or columns (axis 1) the other way round; the boxes are left."""
        if isinstance(self.image, EncodedImage):
            image = self.image.mirror(axis, mirrored)
        else:
            image = mirror_pixels(self.image, axis, mirrored)
        masks = None if self.masks is None else mirror_pixels(self.masks, axis + 1, mirrored)
        return self._replace(image=image, masks=masks)

    def crop(self, begin: tf.Tensor, size: tf.Tensor) -> Example:
        """The window of `size` at row and column `begin`, int32 [2] each; the boxes are left."""
        if isinstance(self.image, EncodedImage):
            image = self.image.crop(begin, size)
        else:
            image = tf.ensure_shape(crop_pixels(self.image, begin, size), [None, None, 3])
        masks = self.masks
        if masks is not None:
            masks = tf.slice(masks, tf.pad(begin, [[1, 0]]), tf.pad(size, [[1, 0]], constant_values=-1))
        return self._replace(image=image, masks=masks)

    def pad(self, margins: tf.Tensor) -> Example:
        """Zeros around the pixels: `margins` int32 [[above, below], [left, right]]; the boxes are left."""
        around = tf.concat([[[0, 0]], margins, [[0, 0]]], axis=0)
        return self.move(lambda images: tf.pad(images, around))


Augmentation = Callable[[Example, tf.Tensor], Example]


def height_and_width(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns of an image, int32."""
    shape = tf.shape(image)
    return shape[0], shape[1]


def resize_masks(
    masks: tf.Tensor | None, size: tf.Tensor, *, align_corners: bool = False
) -> tf.Tensor | None:
    """Masks [N, h, w] at `size`, int32 [2], by the nearest neighbour as all of the OD API's resizers do."""
    if masks is None:
        return None
    resized = tf.compat.v1.image.resize_nearest_neighbor(
        masks[..., tf.newaxis], size, align_corners=align_corners
    )
    return resized[..., 0]


def in_window(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Boxes [N, 4] in the frame of window [4]; parts outside it lie outside [0, 1]."""
    top_left, bottom_right = tf.unstack(tf.reshape(window, [2, 2]))
    corners = (tf.reshape(boxes, [-1, 2, 2]) - top_left) / (bottom_right - top_left)
    return tf.reshape(corners, [-1, 4])


def only_visible(example: Example) -> Example:
    """Drops the objects whose boxes lie wholly outside [0, 1] and clips the others' boxes to it."""
    visible = tf.reduce_all((example.boxes[:, :2] < 1.0) & (example.boxes[:, 2:] > 0.0), axis=1)
    example = example.keep(visible)
    return example._replace(boxes=tf.clip_by_value(example.boxes, 0.0, 1.0))


def image_of_any_size(image: tf.Tensor) -> tf.Tensor:
    """The image with a static shape that says three channels and nothing about its size."""
    return tf.ensure_shape(image, [None, None, 3])
