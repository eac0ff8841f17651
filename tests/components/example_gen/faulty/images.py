"""Images that can't be decoded, that decode to something else than people see, or are odd and fine."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import Image

from tests.components.example_gen.faulty.case import (
    GOOD,
    SIZE,
    Case,
    encoded,
    jpeg,
    photo,
    turned,
    voc,
)

UNDECODABLE = [("DATA001", "quarantined")]
CONVERTED = ("DATA012", "converted")
LIES = ("DATA016", "kept")
NONE = (0, 0)


def _refused(name: str, seen: str, image: bytes, **more: str) -> Case:
    return voc(name, seen, image=image, findings=UNDECODABLE, written=NONE, **more)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _png(header: bytes, rows: bytes) -> bytes:
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def _png_of_sixteen_bits() -> bytes:
    row = b"\0" + struct.pack(">3H", 65535, 32768, 300) * SIZE[0]
    return _png(struct.pack(">IIBBBBB", *SIZE, 16, 2, 0, 0, 0), row * SIZE[1])


def _png_of_other_pixels() -> bytes:
    data = bytearray(encoded(photo(), "PNG"))
    data[data.index(b"IDAT") + 200] ^= 1
    return bytes(data)


def _junk_before_end() -> bytes:
    data = jpeg()
    return data[:-2] + b"\x12\x34\x56\x78" + data[-2:]


def _claims(size: tuple[int, int]) -> bytes:
    """A JPEG whose header claims another size."""
    data = jpeg()
    place = data.index(b"\xff\xc0") + 5
    return data[:place] + struct.pack(">HH", size[1], size[0]) + data[place + 4 :]


def _large_jpeg() -> bytes:
    return encoded(Image.new("L", (9000, 9000), 90).convert("RGB"), "JPEG", quality=20)


def _sixteen_bits_grey() -> bytes:
    ramp = np.linspace(0, 65535, SIZE[0] * SIZE[1], dtype=np.uint16).reshape(SIZE[1], SIZE[0])
    return encoded(Image.fromarray(ramp), "PNG")


WHOLE = jpeg()
CASES = [
    _refused("jpeg_cut_off", "Corrupt JPEG data: premature end", WHOLE[: len(WHOLE) // 2]),
    _refused("jpeg_without_its_last_bytes", "the copy broke off at the end", WHOLE[:-20]),
    _refused("jpeg_cut_in_the_header", "the copy broke off at the beginning", WHOLE[:100]),
    _refused("progressive_jpeg_cut_off", "premature end", jpeg(progressive=True)[:5000]),
    _refused(
        "jpeg_filled_with_zeros", "the lower half is grey, and nothing complains", WHOLE[:4000] + bytes(9000)
    ),
    _refused("jpeg_glued_to_another", "two downloads in one file", WHOLE[:4000] + jpeg(1)),
    _refused("turned_jpeg_cut_off", "premature end", turned(6)[:5000]),
    _refused("png_cut_off", "Invalid PNG data", encoded(photo(), "PNG")[:9000]),
    _refused("png_with_a_wrong_byte", "IDAT: CRC error", _png_of_other_pixels()),
    _refused(
        "png_with_too_few_pixels",
        "Invalid PNG data",
        _png(struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 0), bytes(301) * 40),
    ),
    _refused("gif_cut_off", "image file is truncated", encoded(photo(), "GIF")[:2000], suffix=".gif"),
    _refused("only_zeros", "a file of the right size, all zeros", bytes(20_000)),
    _refused(
        "git_lfs_pointer", "cloned without Git LFS", b"version https://git-lfs.github.com/spec/v1\noid x\n"
    ),
    _refused(
        "web_page", "Unable to decode bytes as JPEG, PNG, GIF, or BMP", b"<!DOCTYPE html><html>404</html>"
    ),
    _refused(
        "heic", "a phone's photo renamed .jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(range(256)) * 9
    ),
    _refused("text", "a .jpg that is a text", b"todo: get the image from Anna"),
    _refused("pdf", "a scan as .jpg", b"%PDF-1.7\n%..."),
    voc(
        "jpeg_with_junk_before_its_end",
        "Corrupt JPEG data: extraneous bytes before marker 0xd9",
        image=_junk_before_end(),
    ),
    voc("jpeg_with_junk_after_its_end", "a camera adds a preview", image=WHOLE + jpeg(2)),
    voc("progressive_jpeg", "works in the browser, so it should here", image=jpeg(progressive=True)),
    voc(
        "webp_named_jpg",
        "Unable to decode bytes as JPEG, PNG, GIF, or BMP",
        image=encoded(photo(), "WEBP"),
        findings=[CONVERTED, LIES],
    ),
    voc(
        "tiff_named_jpg",
        "Unable to decode bytes as JPEG, PNG, GIF, or BMP",
        image=encoded(photo(), "TIFF"),
        findings=[CONVERTED, LIES],
    ),
    voc(
        "ppm",
        "GTSDB has 900 images, and none is found",
        image=encoded(photo(), "PPM"),
        suffix=".ppm",
        findings=[CONVERTED],
    ),
    voc(
        "jpeg_2000",
        "satellite images are passed over",
        image=encoded(photo(), "JPEG2000"),
        suffix=".jp2",
        findings=[CONVERTED],
    ),
    voc(
        "postscript_named_jpg",
        "Ghostscript runs what is in a data set",
        image=encoded(photo(), "EPS"),
        findings=[("DATA001", "quarantined")],
        written=(0, 0),
    ),
    voc(
        "png_named_jpg", "image/format says jpeg, it is a PNG", image=encoded(photo(), "PNG"), findings=[LIES]
    ),
    voc("jpeg_named_png", "image/format says png, it is a JPEG", suffix=".png", findings=[LIES]),
    voc(
        "gif", "decode_image gives rank 4", image=encoded(photo(), "GIF"), suffix=".gif", findings=[CONVERTED]
    ),
    voc(
        "gif_of_several_frames",
        "decode_image gives rank 4",
        image=encoded(photo(), "GIF", save_all=True, append_images=[photo(1), photo(2)]),
        suffix=".gif",
        findings=[CONVERTED],
    ),
    voc("bmp", "input has 4 channels", image=encoded(photo(), "BMP"), suffix=".bmp", findings=[CONVERTED]),
    voc(
        "png_of_sixteen_bits_grey",
        "16 bits squeezed to 8, the maximum is 249",
        image=_sixteen_bits_grey(),
        suffix=".png",
        findings=[CONVERTED],
    ),
    voc(
        "png_of_sixteen_bits_rgb",
        "16 bits squeezed to 8",
        image=_png_of_sixteen_bits(),
        suffix=".png",
        findings=[CONVERTED],
    ),
    voc(
        "png_with_alpha",
        "the tensor has 4 channels",
        image=encoded(photo(mode="RGBA"), "PNG"),
        suffix=".png",
        findings=[CONVERTED],
    ),
    voc(
        "png_with_palette",
        "the tensor has 1 channel",
        image=encoded(photo(mode="P"), "PNG"),
        suffix=".png",
        findings=[CONVERTED],
    ),
    voc(
        "png_of_one_bit",
        "a scan in black and white",
        image=encoded(photo(mode="1"), "PNG"),
        suffix=".png",
        findings=[CONVERTED],
    ),
    voc("jpeg_in_cmyk", "colours inverted", image=jpeg(mode="CMYK"), findings=[CONVERTED]),
    voc("grey_jpeg", "number of channels must be 3", image=jpeg(mode="L"), findings=[("DATA012", "kept")]),
    *(
        voc(
            f"orientation_{orientation}_boxes_drawn_upright",
            "boxes fit in the viewer and are beside the objects in training",
            image=turned(orientation),
            size=SIZE if orientation < 5 else SIZE[::-1],
            findings=[("DATA005", "turned")],
        )
        for orientation in (2, 3, 6, 8)
    ),
    voc(
        "orientation_6_boxes_drawn_on_the_stored_picture",
        "a tool that ignores EXIF drew them",
        image=turned(6),
        findings=[("DATA005", "turned")],
    ),
    voc("orientation_9", "a camera writes nonsense", image=turned(9)),
    voc(
        "size_of_another_picture",
        "XML says 4963x3509, the image is 1024x1024",
        size=(4963, 3509),
        findings=[("DATA004", "quarantined")],
        written=NONE,
    ),
    voc(
        "size_half_stated",
        "a width of 100, a height of 0",
        size=(100, 0),
        findings=[("DATA004", "quarantined")],
        written=NONE,
    ),
    voc(
        "resized_after_annotating",
        "all boxes are too large",
        boxes=[("cat", (20, 40, 100, 120))],
        size=(200, 160),
        findings=[("DATA004", "rescaled")],
    ),
    voc("no_size", "KeyError: size", size=None),
    voc(
        "resized_and_turned",
        "resized by a tool that kept the EXIF orientation",
        image=turned(6),
        boxes=[("cat", (20, 40, 100, 120))],
        size=(200, 160),
        findings=[("DATA004", "rescaled"), ("DATA005", "turned")],
    ),
    voc(
        "huge_jpeg",
        "killed while filling the shuffle buffer",
        image=_claims((30_000, 20_000)),
        size=(30_000, 20_000),
        findings=[("DATA017", "quarantined")],
        written=NONE,
    ),
    voc(
        "huge_png",
        "decompression bomb",
        image=_png(struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0), b""),
        size=(50_000, 50_000),
        suffix=".png",
        findings=[("DATA017", "quarantined")],
        written=NONE,
    ),
    voc(
        "large_jpeg_read_smaller",
        "a scan of 81 million pixels",
        image=_large_jpeg(),
        boxes=[("cat", (900, 900, 4500, 4500))],
        size=(9000, 9000),
        findings=[("DATA017", "downscaled")],
        max_side=600,
    ),
    voc(
        "png_read_smaller",
        "more detail than the model sees",
        image=encoded(photo(size=(400, 320)), "PNG"),
        boxes=[("cat", (40, 80, 200, 240))],
        size=(400, 320),
        suffix=".png",
        findings=[("DATA017", "downscaled")],
        max_side=100,
    ),
    voc(
        "box_too_small_once_downscaled",
        "inf in the loss after resizing",
        image=jpeg(size=(400, 320)),
        boxes=[GOOD, ("dog", (10, 10, 13, 200))],
        size=(400, 320),
        findings=[("DATA017", "downscaled"), ("DATA018", "quarantined")],
        written=(1, 1),
        max_side=100,
    ),
]
