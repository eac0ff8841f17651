from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from components.example_gen.orientation import EXIF_TAG, orientation_of, turn_box, turn_picture, upright_size
from components.example_gen.records import GoodBox


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_and_boxes_turn_alike_and_as_in_pillow(orientation):
    pixels = np.random.default_rng(0).integers(0, 100, (60, 100), np.uint8)
    pixels[12:24, 50:90] = 255  # a white box: y 0.2..0.4, x 0.5..0.9
    stored = Image.fromarray(pixels)
    turned = turn_picture(stored, orientation)
    exif = Image.Exif()
    exif[EXIF_TAG] = orientation
    buffer = io.BytesIO()
    stored.save(buffer, "PNG", exif=exif)
    with Image.open(buffer) as image:
        assert orientation_of(image) == orientation
        np.testing.assert_array_equal(np.asarray(turned), np.asarray(ImageOps.exif_transpose(image)))
    assert turned.size == upright_size(stored.size, orientation)
    assert upright_size(turned.size, orientation) == stored.size
    box = turn_box(GoodBox(0.2, 0.5, 0.4, 0.9, "cat", 1, True, False, mask=b"m"), orientation)
    ys, xs = np.nonzero(np.asarray(turned) == 255)
    found = (
        ys.min() / turned.height,
        xs.min() / turned.width,
        (ys.max() + 1) / turned.height,
        (xs.max() + 1) / turned.width,
    )
    np.testing.assert_allclose(found, (box.ymin, box.xmin, box.ymax, box.xmax), atol=1e-9)
    assert (box.label, box.label_id, box.difficult, box.mask) == ("cat", 1, True, b"m")


@pytest.mark.parametrize("stated", [0, 9, 274])
def test_an_impossible_orientation_is_none(stated):
    exif = Image.Exif()
    exif[EXIF_TAG] = stated
    buffer = io.BytesIO()
    Image.new("RGB", (4, 2)).save(buffer, "JPEG", exif=exif)
    with Image.open(buffer) as image:
        assert orientation_of(image) == 1


def test_damaged_exif_is_none(jpeg):
    exif = Image.Exif()
    exif[EXIF_TAG] = 6
    data = jpeg(exif=exif)
    for length in range(1, 26):
        place = data.index(b"Exif\0\0") + 6
        with Image.open(io.BytesIO(data[:place] + b"\xff" * length + data[place + length :])) as image:
            assert 1 <= orientation_of(image) <= 8
