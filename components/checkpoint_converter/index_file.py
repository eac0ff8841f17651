"""Names and shapes out of a checkpoint's table file, without TensorFlow.

The `.index` file of a checkpoint, and a whole V1 checkpoint, are LevelDB tables. The index maps a variable's
name to a BundleEntryProto, the V1 table holds all names in a SavedTensorSlices under its first, empty key.
Sources: tensorflow/core/lib/io/format.cc and block.cc, tensor_bundle.proto, saved_tensor_slice.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detection.errors import BadInput

_FOOTER_SIZE = 48
_MAGIC = bytes.fromhex("57fb808b247547db")
_UNCOMPRESSED = 0
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# field numbers
_ENTRY_SHAPE, _SHAPE_DIM, _DIM_SIZE = 2, 2, 1
_SLICES_META, _META_TENSOR, _TENSOR_NAME, _TENSOR_SHAPE = 1, 1, 1, 2


def index_shapes(index: Path) -> dict[str, tuple[int, ...]]:
    """Shapes by name of the variables in an `.index` file; BadInput if it is damaged."""
    with _refusing_damage(index):
        return {name.decode(): _shape(_last(entry, _ENTRY_SHAPE)) for name, entry in _entries(index) if name}


def v1_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """As `index_shapes`, for a V1 checkpoint or the shard of one."""
    with _refusing_damage(file):
        slices = next((value for key, value in _entries(file) if not key), b"")
        meta = _fields(_last(slices, _SLICES_META))
        tensors = [value for number, value in meta if number == _META_TENSOR]
        return {_last(t, _TENSOR_NAME).decode(): _shape(_last(t, _TENSOR_SHAPE)) for t in tensors}


@contextmanager
def _refusing_damage(file: Path) -> Iterator[None]:
    try:
        yield
    except (IndexError, ValueError) as error:
        raise BadInput(
            f"the table of the checkpoint's variables can't be read: {error}",
            str(file),
            "copy all files of the checkpoint again; they must be complete",
        ) from error


def _entries(file: Path) -> Iterator[tuple[bytes, bytes]]:
    """The table's keys and values, in its order."""
    content = file.read_bytes()
    if content[-len(_MAGIC) :] != _MAGIC:
        raise ValueError("its end is missing")
    footer = content[-_FOOTER_SIZE:]
    _, position = _handle(footer, 0)  # of the block of filters, which is empty
    blocks, _ = _handle(footer, position)
    for _, value in _block(content, *blocks):
        block, _ = _handle(value, 0)
        yield from _block(content, *block)


def _block(content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if offset + size >= len(content) - _FOOTER_SIZE:
        raise ValueError("a block lies outside the file")
    if content[offset + size] != _UNCOMPRESSED:
        raise ValueError("a block is compressed")
    block = content[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    end, position, key = size - 4 * (restarts + 1), 0, b""
    while position < end:
        shared, position = _varint(block, position)
        fresh, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + fresh]
        position += fresh
        yield key, block[position : position + length]
        position += length


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """A block's (offset, size), and the position after it."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """The fields of a protobuf message with their numbers; a varint comes as the bytes that it takes."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            _, end = _varint(message, position)
        elif wire == _BYTES:
            length, position = _varint(message, position)
            end = position + length
        elif wire in (_FIXED64, _FIXED32):
            end = position + (8 if wire == _FIXED64 else 4)
        else:
            raise ValueError("an entry is no protobuf message")
        yield number, message[position:end]
        position = end


def _last(message: bytes, wanted: int) -> bytes:
    """The value of a field of one value, empty if it is not set."""
    values = [value for number, value in _fields(message) if number == wanted]
    return values[-1] if values else b""


def _shape(message: bytes) -> tuple[int, ...]:
    sizes = [_last(dim, _DIM_SIZE) for number, dim in _fields(message) if number == _SHAPE_DIM]
    return tuple(_varint(size, 0)[0] if size else 0 for size in sizes)
