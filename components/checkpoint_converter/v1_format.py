"""TF1's first checkpoint format: one table file named like the prefix, or numbered shards of it.

slim's published classifiers (mobilenet_v1_1.0_224.ckpt) are single files of this kind. TensorFlow still reads
them. Source: tensorflow/core/util/tensor_slice_reader.cc; the table's footer is LevelDB's.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

_FOOTER = bytes.fromhex("57fb808b247547db")
_V2_DATA = re.compile(r"\.data-\d{5}-of-\d{5}$")
_SHARD = re.compile(r"-\d{5}-of-(\d{5})$")


def is_v1_file(file: Path) -> bool:
    """Whether a file is a whole V1 checkpoint or a shard of one: the table's footer is its end.

    A V2 checkpoint's index ends so too, also where it was copied over the .data file.
    """
    if (
        file.suffix == ".index"
        or _V2_DATA.search(file.name)
        or not file.is_file()
        or file.stat().st_size < len(_FOOTER)
    ):
        return False
    with file.open("rb") as stream:
        stream.seek(-len(_FOOTER), os.SEEK_END)
        return stream.read() == _FOOTER


def v1_files(prefix: Path) -> list[Path]:
    """The file, or the shards that are there, of the V1 checkpoint at a prefix; empty if there is none."""
    if is_v1_file(prefix):
        return [prefix]
    if not prefix.parent.is_dir():
        return []
    shard = re.compile(re.escape(prefix.name) + _SHARD.pattern)
    return sorted(file for file in prefix.parent.iterdir() if shard.fullmatch(file.name) and is_v1_file(file))


def v1_prefix(name: str) -> str:
    """The prefix's name from a shard's, or from the pattern that a `checkpoint` file holds for shards."""
    return _SHARD.sub("", name.replace("?????", "00000"))


def shard_count(file: Path) -> int:
    """How many files the checkpoint of this file has; 1 for a single file."""
    match = _SHARD.search(file.name)
    return int(match[1]) if match else 1


def reader_path(prefix: Path) -> str:
    """What TensorFlow's readers take for the checkpoint at a prefix: shards of V1 are read by a pattern."""
    files = v1_files(prefix)
    if not files or files == [prefix]:
        return str(prefix)
    return f"{prefix}-?????-of-{shard_count(files[0]):05d}"
