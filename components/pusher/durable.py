"""File operations that survive a crash: each is on disk before it returns."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive advisory lock on `path`; the kernel lets go of it if the process dies."""
    with path.open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def sync_directory(directory: Path) -> None:
    """Flush a directory's entries to disk, so that a rename inside it survives a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_file(source: Path, target: Path) -> None:
    """Copy the bytes of `source` to the new file `target` and flush them; permissions follow the umask."""
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def write_file(target: Path, content: bytes) -> None:
    """Write the new file `target` and flush it."""
    with target.open("xb") as writer:
        writer.write(content)
        writer.flush()
        os.fsync(writer.fileno())


def sync_tree(root: Path) -> None:
    """Flush the entries of `root` and of every directory below it, deepest first."""
    for directory, _, _ in os.walk(root, topdown=False):
        sync_directory(Path(directory))


def replace_symlink(link: Path, target: str) -> None:
    """Make `link` point to `target` in one rename, whether or not it exists; the caller holds a lock."""
    temporary = link.with_name(f".{link.name}.next")
    temporary.unlink(missing_ok=True)  # left by a killed process
    temporary.symlink_to(target)
    os.replace(temporary, link)
    sync_directory(link.parent)
