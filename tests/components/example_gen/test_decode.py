from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from components.example_gen.decode import UndecodableImage, decode_image, turn_box
from components.example_gen.records import GoodBox


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_a_plain_jpeg_keeps_its_bytes(jpeg):
    data = jpeg()
    image = decode_image(data)
    assert image.encoded is data
    assert (image.format, image.size, image.orientation, image.changes) == ("jpeg", (100, 80), 1, ())


def test_a_plain_png_keeps_its_bytes_whatever_its_name():
    data = encoded(Image.new("RGB", (9, 7)), "PNG")
    assert (decode_image(data).encoded, decode_image(data).format) == (data, "png")


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_cut_off_jpeg(jpeg, share):
    data = jpeg()
    with pytest.raises(UndecodableImage, match="truncated|identify"):
        decode_image(data[: int(len(data) * share)])


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "empty"),
        (b"not an image", "identify"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
    ],
)
def test_no_image(data, reason):
    with pytest.raises(UndecodableImage, match=reason):
        decode_image(data)


@pytest.mark.parametrize(
    "mode, kind, new",
    [("L", "JPEG", "jpeg"), ("CMYK", "JPEG", "jpeg"), ("P", "PNG", "png"), ("RGBA", "PNG", "png")]
    + [("RGB", "BMP", "png"), ("P", "GIF", "png"), ("RGB", "TIFF", "png")],
)
def test_others_become_rgb(mode, kind, new):
    source = Image.new("RGB", (40, 30), (200, 40, 60))
    image = decode_image(encoded(source.convert(mode), kind))
    assert [change[:2] for change in image.changes] == [("DATA012", "converted")]
    assert image.format == new
    with Image.open(io.BytesIO(image.encoded)) as written:
        assert (written.mode, written.size, written.format) == ("RGB", (40, 30), new.upper())
        if mode != "L":
            np.testing.assert_allclose(
                np.asarray(written)[15, 20], (200, 40, 60), atol=16 if mode == "P" else 8
            )


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    image = decode_image(encoded(Image.fromarray(ramp), "PNG"))
    with Image.open(io.BytesIO(image.encoded)) as written:
        np.testing.assert_allclose(np.asarray(written)[..., 0].ravel(), np.arange(256), atol=1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_turns_pixels_and_boxes_alike(orientation):
    stored = np.zeros((60, 100, 3), np.uint8)
    stored[12:24, 50:90] = 255  # a white box: y 0.2..0.4, x 0.5..0.9
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(stored), "JPEG", quality=100, exif=exif)
    image = decode_image(data)
    box = turn_box(GoodBox(0.2, 0.5, 0.4, 0.9, "cat", 1, False, False), image.orientation)
    with Image.open(io.BytesIO(image.encoded)) as written:
        upright = np.asarray(ImageOps.exif_transpose(written))
        assert ImageOps.exif_transpose(written).size == written.size == image.size  # nothing left to turn
    ys, xs = np.nonzero(upright[..., 0] > 127)
    height, width = upright.shape[:2]
    found = (ys.min() / height, xs.min() / width, (ys.max() + 1) / height, (xs.max() + 1) / width)
    np.testing.assert_allclose(found, (box.ymin, box.xmin, box.ymax, box.xmax), atol=1e-6)
    assert [c[0] for c in image.changes] == ([] if orientation == 1 else ["DATA005"])
