from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.example_gen.png_chunks import _passes, damage_in_png


def png(seed=0, size=(30, 20), mode="RGB", **options):
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    buffer = io.BytesIO()
    (
        Image.fromarray(pixels).convert("I").convert("I;16")
        if mode == "I;16"
        else Image.fromarray(pixels).convert(mode)
    ).save(buffer, "PNG", **options)
    return buffer.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_of(pixels, interlaced=0, more=b""):
    """A grey PNG of 4 x 3 pixels, from what its IDAT chunk holds."""
    header = struct.pack(">IIBBBBB", 4, 3, 8, 0, 0, 0, interlaced)
    chunks = chunk(b"IHDR", header) + more + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


GREY = b"\0\1\2\3\4" * 3  # three rows, a filter of 0 before each


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "LA", "P", "1", "I;16"])
@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"optimize": True}])
def test_whole(mode, options):
    assert damage_in_png(png(mode=mode, **options)) is None
    assert damage_in_png(png(mode=mode, **options) + b"what follows doesn't matter") is None


@pytest.mark.parametrize(
    "data, reason",
    [
        (png_of(zlib.compress(GREY)), None),
        (png_of(zlib.compress(GREY), more=chunk(b"teXt", b"x")), None),
        (png_of(zlib.compress(GREY), more=chunk(b"TEXT", b"x")), "TEXT chunk"),
        (png_of(zlib.compress(GREY[:-1])), "cut short"),
        (png_of(zlib.compress(GREY)[:-4]), "cut short"),
        (png_of(zlib.compress(GREY)[:-1] + b"\0"), "damaged"),
        (png_of(zlib.compress(b"\5" + GREY[1:])), "damaged"),
        (png_of(zlib.compress(GREY + b"\0")), "more pixels"),
        (png_of(zlib.compress(bytes(50_000_000))), "more pixels"),
        (png_of(zlib.compress(bytes(50_000_000)), interlaced=1), "more pixels"),
        (png_of(b"no deflate"), "damaged"),
        (png_of(zlib.compress(GREY), interlaced=2), "header"),
        (png()[:-12], "before its last chunk"),
        (png()[:60], "before its last chunk"),
    ],
)
def test_what_is_wrong(data, reason):
    found = damage_in_png(data)
    assert found is None if reason is None else reason in (found or "")


def test_an_interlaced_png():
    """4 x 3 pixels: five of the seven passes have any; 18 bytes with those for the filters."""
    data = png_of(zlib.compress(bytes(18)), interlaced=1)
    assert damage_in_png(data) is None
    assert tf.io.decode_png(data, channels=1).shape == (3, 4, 1)
    assert "cut short" in (damage_in_png(png_of(zlib.compress(bytes(17)), interlaced=1)) or "")
    assert "damaged" in (
        damage_in_png(png_of(zlib.compress(bytes(13) + b"\7" + bytes(4)), interlaced=1)) or ""
    )
    for width in range(1, 18):
        for height in range(1, 18):
            pixels = sum(rows * (row - 1) for rows, row in _passes(width, height, 8, 1))
            assert pixels == width * height


def test_what_is_called_whole_tensorflow_takes():
    chance = random.Random(3)
    sources = [png(seed, (9, 7), mode) for seed in range(3) for mode in ("RGB", "L")]
    passed = 0
    for _ in range(4000):
        data = bytearray(chance.choice(sources))
        place = chance.randrange(33, len(data))
        if chance.random() < 0.5:
            data[place] = chance.randrange(256)
        else:
            data[place:place] = chance.randbytes(2)
        if damage_in_png(bytes(data)) is None:
            tf.io.decode_image(bytes(data), channels=3, expand_animations=False)
            passed += 1
    assert passed > 5  # a change after the last chunk, or of a byte to itself
