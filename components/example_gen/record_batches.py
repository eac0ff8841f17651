"""The records of a data set as files of some hundred each: what the Beam pipeline starts from.

The pipeline itself holds only how many there are, so its description stays small (a service refuses a large
one), and no process but the reader's has all the records in its memory.
"""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, cast

from components.example_gen.file_systems import is_remote, open_binary, read_bytes, unpack
from components.example_gen.outputs import join, whole_file, write_bytes
from components.example_gen.records import BoxRecord, ImageRecord
from components.example_gen.sources import ImageSource, RecordSource

BATCH = 128
_BOXES = ImageRecord._fields.index("boxes")
_box = partial(tuple.__new__, BoxRecord)  # as BoxRecord._make, which counts the values again


# The record's split, name and source, and the whole of it by pack: whoever only hashes or sorts the images
# needn't unpack the boxes. Tuples, all of them, for a class costs five times as much to pickle.
Packed = tuple[str, str, ImageSource | None, bytes]


def pack(record: ImageRecord) -> bytes:
    """The record as bytes."""
    values: list[Any] = list(record)
    values[_BOXES] = list(map(tuple, record.boxes))
    return pickle.dumps(values, pickle.HIGHEST_PROTOCOL)


def unpack_record(packed: bytes) -> ImageRecord:
    """The record of pack."""
    values = pickle.loads(packed)
    values[_BOXES] = tuple(map(_box, values[_BOXES]))
    return ImageRecord._make(values)


@dataclass
class Batches:
    """How many files, and what the readers found: the totals that all later ones must add up to."""

    files: int = 0
    images: int = 0
    boxes: int = 0


def write_batches(records: Iterable[ImageRecord], folder: str) -> Batches:
    """Writes the records below `folder`, in their order."""
    batches = Batches()
    copies: dict[str, str] = {}
    batch: list[Packed] = []

    def write() -> None:
        write_bytes(_file(folder, batches.files), pickle.dumps(batch, pickle.HIGHEST_PROTOCOL))
        batches.files += 1
        batch.clear()

    for record in records:
        batches.images += 1
        batches.boxes += len(record.boxes)
        record = _at_hand(record, folder, copies)
        batch.append((record.split, record.name, record.source, pack(record)))
        if len(batch) == BATCH:
            write()
    if batch:
        write()
    return batches


def read_batch(folder: str, number: int) -> list[Packed]:
    """The records of one file of write_batches, the first is number 0."""
    return cast("list[Packed]", pickle.loads(read_bytes(_file(folder, number))))


def _file(folder: str, number: int) -> str:
    return join(folder, f"records-{number:06d}.pickle")


def _at_hand(record: ImageRecord, folder: str, copies: dict[str, str]) -> ImageRecord:
    """The record, with its image in a plain TFRecord that may be read in any order.

    The shards want the images in the order of their content, but a gzip file can only be read from its
    start, and of one in a bucket every single read fetches megabytes: such a file is copied once.
    """
    source = record.source
    if not isinstance(source, RecordSource) or not (source.compressed or is_remote(source.path)):
        return record
    if source.path not in copies:
        name = join(folder, f"tfrecord-{hashlib.sha256(source.path.encode()).hexdigest()[:16]}")
        with open_binary(source.path) as original, whole_file(name) as partial, open(partial, "wb") as out:
            if source.compressed:
                unpack(original, out)  # what comes before a damage; the rest will be found unreadable
            else:
                shutil.copyfileobj(original, out, 1 << 20)
        copies[source.path] = name
    return record._replace(source=replace(source, path=copies[source.path], compressed=False))
