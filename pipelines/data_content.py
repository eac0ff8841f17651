"""The content of one split's data: folders, files and patterns, on this machine or in a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from components.example_gen import file_systems
from detection.errors import BadInput
from pipelines import fingerprint
from pipelines.fingerprint import Content, content_of, digest


def content_of_data(paths: Sequence[str], files: Sequence[str]) -> Content:
    """What is at the paths of a split.

    Of a bucket nothing is downloaded: names, sizes and times of change stand for the bytes.

    Args:
      paths: as the options name them, at least one.
      files: those that its records depend on; they count also where they lie elsewhere.

    Raises:
      BadInput: a path has no files.
    """
    if any(map(file_systems.is_remote, [*paths, *files])):
        return _of_bucket(paths, files)
    there = [Path(path) for path in paths if Path(path).exists()]
    first = there[0] if there else Path(files[0])  # a pattern: its first file
    return content_of(first, map(Path, files), there[1:])


def is_unchanged(content: Content) -> bool:
    """Whether there still is what `content` describes; files of this machine are read if they look edited."""
    if not any(map(file_systems.is_remote, [content.path, *content.also])):
        return fingerprint.is_unchanged(content)
    try:
        return _of_bucket(content.path.split(", "), content.also).sha256 == content.sha256
    except (BadInput, OSError):
        return False


def _of_bucket(paths: Sequence[str], files: Sequence[str]) -> Content:
    stamps: dict[str, str] = {}
    for path in paths:
        stamps |= _stamps(path)
    elsewhere = [file for file in files if file not in stamps]
    for file in elsewhere:
        stamps |= _stamps(file)
    identity = digest("\n".join(f"{path}\0{stamps[path]}" for path in sorted(stamps)))
    return Content(
        path=", ".join(paths),
        files=len(stamps),
        bytes=sum(int(stamp.split()[0]) for stamp in stamps.values()),
        sha256=identity,
        seen=identity,
        also=elsewhere,
    )


def _stamps(path: str) -> dict[str, str]:
    if file_systems.is_remote(path):
        return file_systems.stamps(path)
    content = content_of(Path(path))
    return {path: f"{content.bytes} {content.sha256}"}
