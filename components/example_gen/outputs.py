"""Writes whole files or none, on this machine, in gs:// and in s3://."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.example_gen.file_systems import beam_file_systems, is_remote


def join(folder: str, name: str) -> str:
    """A name below a folder or an address."""
    return f"{folder.rstrip('/')}/{name}"


@contextmanager
def whole_file(path: str) -> Iterator[str]:
    """The path of a local file to fill; it becomes `path` in one step when the block ends without an error.

    Two attempts at the same file (a runner that starts a slow bundle twice) don't disturb each other: each
    has a file of its own, and the last one to end replaces the other.
    """
    if is_remote(path):
        with tempfile.TemporaryDirectory() as folder:
            filled = os.path.join(folder, "file")
            yield filled
            _upload(filled, path)
        return
    partial = f"{path}.{uuid.uuid4().hex[:8]}.partial"
    try:
        yield partial
        os.replace(partial, path)
    finally:
        Path(partial).unlink(missing_ok=True)


def write_bytes(path: str, data: bytes) -> None:
    """Writes a file in one step."""
    with whole_file(path) as partial:
        Path(partial).write_bytes(data)


def make_folder(path: str) -> None:
    """Makes a folder and those above it, if it isn't there."""
    if not is_remote(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def remove_folder(path: str) -> None:
    """Removes a folder with all that is in it, if it is there."""
    if not is_remote(path):
        shutil.rmtree(path, ignore_errors=True)
        return
    systems = beam_file_systems()
    found = systems.match([join(path, "**")])[0].metadata_list
    if found:
        systems.delete([entry.path for entry in found])


def folders_in(path: str, prefix: str) -> list[str]:
    """Folders directly below `path` whose names begin with `prefix`; a bucket has no folders."""
    if is_remote(path) or not Path(path).is_dir():
        return []
    return sorted(str(entry) for entry in Path(path).iterdir() if entry.name.startswith(prefix))


def files_in(path: str, prefix: str, suffix: str) -> list[str]:
    """Files directly below `path` whose names begin and end so, sorted."""
    if not is_remote(path):
        return sorted(join(path, entry.name) for entry in Path(path).glob(f"{prefix}*{suffix}"))
    found = beam_file_systems().match([join(path, f"{prefix}*{suffix}")])[0].metadata_list
    return sorted(entry.path for entry in found)


def _upload(source: str, path: str) -> None:
    # An object appears in its bucket when it is closed, whole.
    with open(source, "rb") as filled, beam_file_systems().create(path) as stream:
        shutil.copyfileobj(filled, stream, 1 << 20)
