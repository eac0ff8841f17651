from __future__ import annotations

import io
import random

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.example_gen.jpeg_markers import JpegHeader, reaches_its_end, read_whole_jpeg
from components.example_gen.orientation import EXIF_TAG, orientation_of


@pytest.mark.parametrize(
    "options",
    [{}, {"quality": 20}, {"subsampling": 0}, {"subsampling": 2}, {"optimize": True}]
    + [{"restart_marker_blocks": 3}, {"comment": b"\xff\xd9 no end"}, {"icc_profile": b"\xff\xda" * 99}],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_common_kinds_are_whole(jpeg, options, mode):
    data = jpeg(mode=mode, **options)
    header = JpegHeader((100, 80), mode == "L", False)
    assert read_whole_jpeg(data) == read_whole_jpeg(data + b"what follows the end doesn't matter") == header


def test_the_photographs_of_a_real_data_set(microcontrollers):
    photos = sorted((microcontrollers / "images").rglob("*.jpg"))
    assert len(photos) == 149 and all(read_whole_jpeg(photo.read_bytes()) for photo in photos)


def test_metadata_may_state_an_orientation(jpeg):
    exif = Image.Exif()
    exif[EXIF_TAG] = 6
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="6"></x:xmpmeta>'
    for options in ({"exif": exif}, {"xmp": xmp}):
        assert read_whole_jpeg(jpeg(**options)) == JpegHeader((100, 80), False, True)


@pytest.mark.parametrize("length", [6, 9000])
def test_metadata_behind_the_tables_counts_too(jpeg, length):
    data = jpeg()
    tables = data.index(b"\xff\xdb")
    behind = tables + 2 + int.from_bytes(data[tables + 2 : tables + 4])
    exif = b"\xff\xe1" + (2 + length).to_bytes(2) + bytes(length)
    assert read_whole_jpeg(data[:behind] + exif + data[behind:]) == JpegHeader((100, 80), False, True)


@pytest.mark.parametrize("options", [{"progressive": True}, {"mode": "CMYK"}])
def test_the_rest_is_left_to_the_decoder(jpeg, options):
    assert not read_whole_jpeg(jpeg(**options))


def test_cut_anywhere_it_is_not_whole(jpeg):
    data = jpeg(size=(40, 24))
    assert not any(read_whole_jpeg(data[:length]) for length in range(len(data)))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"mode": "CMYK"}, {"mode": "L"}])
def test_reaches_its_end(jpeg, options):
    data = jpeg(size=(40, 24), **options)
    assert reaches_its_end(data) and reaches_its_end(data + data)
    assert not any(reaches_its_end(data[:length]) for length in range(len(data)))
    assert not reaches_its_end(data[:-20] + data)


def _mutant(data: bytes, chance: random.Random) -> bytes:
    """A copy of the JPEG with a few bytes changed, lost or added, most of them in its marker segments."""
    changed = bytearray(data)
    header = data.rfind(b"\xff\xda") + 14
    for _ in range(chance.choice((1, 1, 2, 4))):
        place = chance.randrange(2, header if chance.random() < 0.7 else len(data) - 60)
        kind = chance.randrange(4)
        if kind == 0:
            changed[place] = chance.randrange(256)
        elif kind == 1:
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del changed[place : place + chance.randrange(1, 6)]
        else:
            changed[place:place] = chance.randbytes(chance.randrange(1, 5))
    return bytes(changed)


def test_what_is_called_whole_both_decoders_take(jpeg):
    """The walk stands in for decoding, so it may never pass what Pillow or TensorFlow refuses."""
    chance = random.Random(5)
    sources = [jpeg(seed, (40, 17), "RGB" if seed % 3 else "L", subsampling=seed % 3) for seed in range(6)]
    passed = 0
    for _ in range(1500):
        data = _mutant(chance.choice(sources), chance)
        header = read_whole_jpeg(data)
        if header is None or header.size[0] * header.size[1] > 1_000_000:  # a mutant may claim any size
            continue
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            assert (image.size, image.mode) == (header.size, "L" if header.grey else "RGB")
            assert header.metadata or orientation_of(image) == 1
        pixels = tf.io.decode_image(data, channels=3, expand_animations=False)
        assert tuple(np.shape(pixels)) == (header.size[1], header.size[0], 3)
        passed += 1
    assert passed > 300
