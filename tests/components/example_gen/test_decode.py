from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile
from PIL.PngImagePlugin import PngInfo

from components.example_gen import decode
from components.example_gen.decode import UndecodableImage, decode_image


def encoded(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels_of(image):
    with Image.open(io.BytesIO(image.encoded)) as written:
        assert written.mode == "RGB" and written.format == image.format.upper() and written.size == image.size
        return np.asarray(written)


def exif_of(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def fail(*_, **__):
    raise AssertionError("pixels were decoded")


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_a_plain_jpeg_keeps_its_bytes(jpeg, options):
    data = jpeg(**options)
    image = decode_image(data)
    assert image.encoded is data
    assert (image.format, image.kind, image.size, image.orientation) == ("jpeg", "JPEG", (100, 80), 1)
    assert image.stored_size == image.upright_size == (100, 80) and image.changes == ()


def test_only_the_header_of_a_plain_jpeg_is_read(jpeg, monkeypatch):
    monkeypatch.setattr(decode.JpegImagePlugin.JpegImageFile, "load", fail)
    assert decode_image(jpeg()).size == (100, 80)


@pytest.mark.parametrize(
    "more", [{"exif": exif_of(6)}, {"mode": "CMYK"}, {"progressive": True}, {"max_side": 50}]
)
def test_a_jpeg_is_decoded_once_at_most(jpeg, monkeypatch, more):
    max_side = more.pop("max_side", None)
    data, loads = jpeg(**more), []
    load = decode.JpegImagePlugin.JpegImageFile.load_prepare
    monkeypatch.setattr(
        decode.JpegImagePlugin.JpegImageFile, "load_prepare", lambda self: (loads.append(1), load(self))[1]
    )
    decode_image(data, max_side)
    assert len(loads) == 1


def test_a_plain_png_keeps_its_bytes():
    data = encoded(Image.new("RGB", (9, 7)), "PNG")
    assert (decode_image(data).encoded, decode_image(data).format) == (data, "png")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_grey_is_kept_and_told(kind):
    data = encoded(Image.new("L", (9, 7), 90), kind)
    image = decode_image(data)
    assert image.encoded is data and [change[:2] for change in image.changes] == [("DATA012", "kept")]


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"exif": exif_of(6)}])
def test_a_cut_off_jpeg(jpeg, share, options):
    data = jpeg(**options)
    with pytest.raises(UndecodableImage) as caught:
        decode_image(data[: int(len(data) * share)])
    assert caught.value.code == "DATA001" and "0x" not in str(caught.value)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "CMYK"}])
def test_a_jpeg_cut_off_and_filled_up(jpeg, options):
    """Pillow would fill the rest with grey and say nothing."""
    data = jpeg(**options)
    for filling in (bytes(4000), b"\xff\xe0\0\2", b"\xff\xd0", jpeg(1)):
        for length in (len(data) // 2, len(data) - 2):
            with pytest.raises(UndecodableImage):
                decode_image(data[:length] + filling)


def test_what_stands_between_the_segments_of_a_jpeg_is_passed_over(jpeg):
    data = jpeg()
    odd = data[:20] + b"junk" + data[20:]
    assert decode_image(odd).encoded is odd


@pytest.mark.parametrize("share", [0.3, 0.9, 0.99])
def test_a_cut_off_png(share):
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    data = encoded(Image.fromarray(noise), "PNG")
    with pytest.raises(UndecodableImage):
        decode_image(data[: int(len(data) * share)])


def test_a_png_with_a_wrong_checksum():
    data = bytearray(encoded(Image.new("RGB", (40, 30), (1, 2, 3)), "PNG"))
    data[data.index(b"IDAT") + 8] ^= 255
    with pytest.raises(UndecodableImage, match="checksum of its IDAT"):
        decode_image(bytes(data))


def test_damage_is_found_in_a_png_that_is_converted():
    data = bytearray(encoded(Image.new("RGBA", (40, 30), (1, 2, 3, 4)), "PNG"))
    data[data.index(b"IDAT") + 8] ^= 255
    with pytest.raises(UndecodableImage, match="checksum of its IDAT"):
        decode_image(bytes(data))


@pytest.mark.parametrize(
    "data, reason",
    [(b"", "empty"), (b"not an image", "no image format"), (b"<html>", "web page"), (bytes(99), "zeros")]
    + [(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull")]
    + [(b"\xff\xd8\xff\xe0 but no more", "header can't be read")],
)
def test_no_image(data, reason):
    with pytest.raises(UndecodableImage, match=reason):
        decode_image(data)


@pytest.mark.parametrize(
    "mode, kind, new",
    [("CMYK", "JPEG", "jpeg"), ("P", "PNG", "png"), ("RGBA", "PNG", "png"), ("LA", "PNG", "png")]
    + [("1", "PNG", "png"), ("RGB", "BMP", "png"), ("P", "GIF", "png"), ("RGB", "TIFF", "png")]
    + [("RGB", "WEBP", "png"), ("RGB", "PPM", "png"), ("RGB", "JPEG2000", "png")],
)
def test_others_become_rgb(mode, kind, new):
    source = Image.new("RGB", (40, 30), (200, 40, 60))
    image = decode_image(encoded(source.convert(mode), kind))
    assert [change[:2] for change in image.changes] == [("DATA012", "converted")]
    assert (image.format, image.kind, image.size) == (new, kind, (40, 30))
    pixels = pixels_of(image)
    if mode not in ("1", "LA"):
        np.testing.assert_allclose(pixels[15, 20], (200, 40, 60), atol=16 if mode == "P" else 8)


def test_postscript_is_never_handed_to_an_interpreter(monkeypatch):
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", fail)
    data = encoded(Image.new("RGB", (20, 10)), "EPS")
    with pytest.raises(UndecodableImage, match="PostScript"):
        decode_image(data)


def test_of_several_frames_the_first_counts():
    frames = [Image.new("RGB", (20, 10), color) for color in ("red", "lime")]
    for kind in ("GIF", "WEBP", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        np.testing.assert_allclose(pixels_of(decode_image(data))[5, 5], (255, 0, 0), atol=8)


def test_sixteen_bits_are_scaled_not_clipped():
    ramp = np.linspace(0, 65535, 256, dtype=np.uint16).reshape(16, 16)
    image = decode_image(encoded(Image.fromarray(ramp), "PNG"))
    np.testing.assert_allclose(pixels_of(image)[..., 0].ravel(), np.arange(256), atol=1)
    assert image.changes[0][2] == "PNG I;16, 16 bits"


def test_sixteen_bits_of_colour_are_told():
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    row = b"\0" + struct.pack(">3H", 65535, 32768, 256) * 4
    header = struct.pack(">IIBBBBB", 4, 2, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 2))
    image = decode_image(data + chunk(b"IEND", b""))
    assert image.changes == (("DATA012", "converted", "PNG RGB, 16 bits"),)
    np.testing.assert_allclose(pixels_of(image)[0, 0], (255, 128, 1), atol=1)


@pytest.mark.parametrize("top, kind", [(1.0, "TIFF"), (255.0, "TIFF"), (65535.0, "TIFF")])
def test_floats_are_scaled_by_their_range(top, kind):
    ramp = np.linspace(0, top, 256, dtype=np.float32).reshape(16, 16)
    pixels = pixels_of(decode_image(encoded(Image.fromarray(ramp), kind)))
    np.testing.assert_allclose(pixels[..., 0].ravel(), np.arange(256), atol=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_image_is_written_upright(orientation, kind):
    pixels = np.zeros((60, 100, 3), np.uint8)
    pixels[12:24, 50:90] = 255
    source = Image.fromarray(pixels)
    image = decode_image(encoded(source, kind, exif=exif_of(orientation), quality=100))
    size = (60, 100) if orientation >= 5 else (100, 60)
    assert (image.stored_size, image.upright_size, image.size) == ((100, 60), size, size)
    assert image.changes[0] == ("DATA005", "turned", f"orientation {orientation}")
    expected = np.asarray(decode.turn_picture(source, orientation))
    assert (abs(pixels_of(image).astype(int) - expected) > 60).mean() < 0.01
    with Image.open(io.BytesIO(image.encoded)) as written:
        assert 0x0112 not in written.getexif()  # nothing left to turn


def test_an_orientation_in_the_xmp_of_a_png_counts_as_in_a_jpeg():
    said = '<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"/>'
    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", said)
    picture = Image.new("RGB", (40, 30))
    for data in (encoded(picture, "PNG", pnginfo=chunks), encoded(picture, "JPEG", xmp=said.encode())):
        assert (decode_image(data).orientation, decode_image(data).size) == (6, (30, 40))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "CMYK"}, {"exif": exif_of(6)}])
def test_a_smaller_copy(jpeg, options):
    image = decode_image(jpeg(size=(1000, 500), **options), max_side=100)
    turned = "exif" in options
    assert image.size == ((50, 100) if turned else (100, 50)) and image.upright_size[turned] == 1000
    assert image.changes[-1][:2] == ("DATA017", "downscaled")
    assert pixels_of(image).shape[:2] == image.size[::-1]


def test_a_smaller_copy_shows_the_same():
    ramp = np.tile(np.linspace(0, 255, 640, dtype=np.uint8), (320, 1))
    source = Image.fromarray(np.stack([ramp] * 3, -1))
    for kind in ("JPEG", "PNG"):
        pixels = pixels_of(decode_image(encoded(source, kind), max_side=64))
        np.testing.assert_allclose(pixels[16, :, 1], np.asarray(source.resize((64, 32)))[16, :, 1], atol=4)


def test_what_is_small_enough_is_not_touched(jpeg):
    data = jpeg()
    assert decode_image(data, max_side=100).encoded is data


def test_a_huge_image_is_refused_before_its_pixels_are_decoded(jpeg, monkeypatch):
    monkeypatch.setattr(decode, "DECODE_LIMIT", 7_999)
    images = [jpeg(), *(encoded(Image.new("RGB", (100, 80)), kind) for kind in ("PNG", "TIFF", "WEBP"))]
    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    for data in images:
        with pytest.raises(UndecodableImage, match="100x80 is more than") as caught:
            decode_image(data)
        assert caught.value.code == "DATA017"


def test_a_huge_jpeg_is_read_smaller(jpeg, monkeypatch):
    monkeypatch.setattr(decode, "DECODE_LIMIT", 2_000)
    assert decode_image(jpeg(), max_side=25).size == (25, 20)  # decoded at a half
    for refused, max_side in ((jpeg(progressive=True), 25), (jpeg(), 60)):
        with pytest.raises(UndecodableImage) as caught:
            decode_image(refused, max_side)
        assert caught.value.code == "DATA017"


def test_a_bomb_of_another_format():
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 0, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0
    )
    with pytest.raises(UndecodableImage, match="million pixels") as caught:
        decode_image(header)
    assert caught.value.code == "DATA017"
