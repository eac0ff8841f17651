"""What is moved before it is decoded has exactly the pixels of what is decoded and then moved."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from PIL import Image, ImageFilter

from detection.augment import build_augmentations
from detection.augment_encoded import EncodedImage
from detection.augment_example import Example
from detection.augment_options import MOVES, WINDOWS
from detection.config import protos
from detection.preprocess import decode_image
from tests.detection.augmentation_cases import FEW, FIXED, MANY

SIZES = ((97, 131), (240, 320), (33, 17), (15, 200), (200, 15), (8, 8), (1, 1))
FORMS = {
    "whole chroma": ("RGB", {"subsampling": 0}),
    "half the columns": ("RGB", {"subsampling": 1}),
    "half of both": ("RGB", {"subsampling": 2}),
    "progressive": ("RGB", {"subsampling": 2, "progressive": True}),
    "restart markers": ("RGB", {"subsampling": 2, "restart_marker_blocks": 3}),
    "grey": ("L", {}),
}
# a text for each option
STEPS = {text.split(" ")[0]: text for text in (*FIXED.values(), *MANY.values(), *FEW.values())}
# One trace for all files, as in tf.data.
WINDOW = tf.function(
    lambda encoded, begin, size: EncodedImage.of(encoded).crop(begin, size).decode(),
    input_signature=[tf.TensorSpec([], tf.string), *2 * [tf.TensorSpec([2], tf.int32)]],
)


def picture(height: int, width: int) -> Image.Image:
    noise = np.random.default_rng(height).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(noise).filter(ImageFilter.GaussianBlur(1.0))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(("mode", "options"), FORMS.values(), ids=FORMS)
def test_a_window_of_a_jpeg_is_that_of_the_whole(mode: str, options: dict[str, object]) -> None:
    chance = np.random.default_rng(5)
    for size in SIZES:
        data = encoded(picture(*size).convert(mode), "JPEG", quality=85, **options)
        whole = decode_image(tf.constant(data)).numpy()
        np.testing.assert_array_equal(EncodedImage.of(tf.constant(data)).decode(), whole)
        for _ in range(25):
            begin = chance.integers(0, size)
            extent = chance.integers(1, size - begin + 1)
            window = whole[begin[0] : begin[0] + extent[0], begin[1] : begin[1] + extent[1]]
            np.testing.assert_array_equal(WINDOW(data, np.int32(begin), np.int32(extent)), window)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "GIF"])
def test_crops_and_mirrors_follow_each_other(kind: str) -> None:
    data = tf.constant(encoded(picture(60, 80), kind))
    image, pixels = EncodedImage.of(data), decode_image(data).numpy()
    for axis, mirrored, (top, left), (height, width) in (
        (1, True, (3, 5), (50, 70)),
        (0, True, (1, 9), (45, 40)),
        (1, False, (0, 2), (40, 30)),
        (1, True, (7, 0), (21, 17)),
    ):
        image = image.mirror(axis, tf.constant(mirrored)).crop(
            tf.constant([top, left]), tf.constant([height, width])
        )
        pixels = (np.flip(pixels, axis) if mirrored else pixels)[top : top + height, left : left + width]
        assert image.size.numpy().tolist() == [height, width]
        np.testing.assert_array_equal(image.decode(), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("name", sorted(MOVES))
def test_a_step_does_the_same_before_decoding(name: str, kind: str) -> None:
    text = "".join(
        f"data_augmentation_options {{ {one} }}"
        for one in ("random_horizontal_flip {}", STEPS.get(name, f"{name} {{}}"))
    )
    augmentations = build_augmentations(
        text_format.Parse(text, protos.TrainConfig()).data_augmentation_options
    )
    data = tf.constant(encoded(picture(60, 80), kind))
    boxes = tf.constant([[0.1, 0.2, 0.6, 0.7], [0.5, 0.05, 0.95, 0.3]])
    masks = tf.cast(tf.random.stateless_uniform([2, 60, 80], [1, 2]) > 0.5, tf.float32)
    classes = tf.constant([3, 1])
    for number in range(6):
        seed = tf.constant([7, number], tf.int64)
        late = augmentations.apply(Example(EncodedImage.of(data), boxes, classes, masks), seed)
        early = augmentations.apply(Example(decode_image(data), boxes, classes, masks), seed)
        for one, other in zip(late, early, strict=True):
            assert one.dtype == other.dtype
            np.testing.assert_array_equal(one, other)


def test_no_step_that_needs_pixels_is_among_those_that_do_not() -> None:
    assert WINDOWS < MOVES
    for name in ("random_rotation90", "random_distort_color", "random_pad_image"):
        assert name not in WINDOWS
