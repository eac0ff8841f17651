"""Finds damage in a PNG that Pillow passes over and TensorFlow refuses: wrong checksums, pixels cut short."""

from __future__ import annotations

import struct
import zlib

SIGNATURE = 8  # bytes before the first chunk
BIT_DEPTH = 24  # where the header says how many bits a sample has
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by the colour type: grey, RGB, palette; with alpha
FILTERS = 5
# Where each pass of an interlaced PNG starts (x, y), and its steps.
INTERLACED = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def damage_in_png(data: bytes) -> str | None:
    """What is wrong with a PNG, None where all is well; its pixels are inflated, but not unfiltered."""
    view, position = memoryview(data), SIGNATURE
    pixels: list[memoryview] = []
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        needed = name[:1].isupper()  # a small first letter: a chunk that a decoder may pass over
        said = name.decode("ascii", "backslashreplace")
        if needed and zlib.crc32(view[position + 4 : end]) != int.from_bytes(data[end : end + 4]):
            return f"the checksum of its {said} chunk is wrong"
        if name == b"IEND":
            return _damage_in_pixels(data, pixels)
        if needed and name not in (b"IHDR", b"PLTE", b"IDAT"):
            return f"it has a {said} chunk, which no decoder knows"
        if name == b"IDAT":
            pixels.append(view[position + 8 : end])
        position = end + 4
    return "it ends before its last chunk"


def _damage_in_pixels(data: bytes, pixels: list[memoryview]) -> str | None:
    width, height, bits, colour, compression, filtering, interlaced = struct.unpack_from(">IIBBBBB", data, 16)
    if compression or filtering or interlaced > 1 or colour not in SAMPLES:
        return "its header is damaged"
    layout = _passes(width, height, SAMPLES[colour] * bits, interlaced)
    size = sum(rows * row for rows, row in layout)
    stream, inflated = zlib.decompressobj(), bytearray()
    try:
        for part in pixels:
            inflated += stream.decompress(part, size + 1 - len(inflated))
            if len(inflated) > size:  # and no further: a bomb would fill the memory
                return "it has more pixels than its header says"
    except zlib.error:
        return "its pixels are damaged"
    if not stream.eof or len(inflated) != size:
        return "its pixels are cut short"
    start = 0
    for rows, row in layout:
        if max(inflated[start : start + rows * row : row]) >= FILTERS:
            return "its pixels are damaged"
        start += rows * row
    return None


def _passes(width: int, height: int, pixel_bits: int, interlaced: int) -> list[tuple[int, int]]:
    """(rows, bytes of a row) of each pass over the image; a row's first byte names its filter."""
    layout = []
    for left, top, across, down in INTERLACED if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            layout.append((rows, 1 + (columns * pixel_bits + 7) // 8))
    return layout
