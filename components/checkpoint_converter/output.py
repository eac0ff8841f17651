"""Where a conversion writes: asked about before the work, and afterwards there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detection.errors import BadInput, Failed

# What a conversion leaves in its folder: only such a folder is replaced by another one.
_WRITTEN = frozenset({"checkpoint", "pipeline.config", "report.json", "report.md", "saved_model"})
_SIGN = frozenset({"report.json", "report.md"})
_PATTERN = re.compile(r"[\[\\]")  # `*` and `?` match themselves at least
_FULL = re.compile("No space left on device|Disk quota exceeded|File too large")


def require_free(out: Path) -> Path:
    """The absolute path of a folder that may be written: it is absent, empty, or an earlier conversion.

    BadInput for anything else, so that no file of the user's is lost: another folder, a file, the current
    folder, the root of a disk, or a path that can't be one.
    """
    folder = resolved_path(out)
    require_no_pattern(folder)
    if folder == Path.cwd() or folder in Path.cwd().parents:
        raise BadInput(
            "the output folder is the current folder, or holds it",
            str(folder),
            "give the name of a new folder as --out",
        )
    if not folder.exists():
        require_room(folder)
        return folder
    if not folder.is_dir():
        raise BadInput("the output is a file, not a folder", str(folder), "give a new folder as --out")
    held = set(os.listdir(folder))
    if held and not (held >= _SIGN and held <= _WRITTEN):
        others = sorted(held - _WRITTEN) or sorted(held)
        raise BadInput(
            f"the output folder holds other files, such as {others[0]}: they would be lost",
            str(folder),
            "give a new folder as --out; only an earlier conversion's is replaced",
        )
    if os.path.ismount(folder):
        raise BadInput(
            "the output folder is a mounted disk, which can't be replaced as a whole",
            str(folder),
            f"give a new folder in it, such as {folder / 'converted'}",
        )
    return folder


def require_no_pattern(path: Path) -> None:
    """BadInput for a checkpoint's path that TensorFlow would take for a pattern, and then find nothing."""
    if found := _PATTERN.search(str(path)):
        raise BadInput(
            f"the path has a {found[0]!r}, which TensorFlow's checkpoint readers take for a pattern",
            str(path),
            "rename that folder or file, or give a symbolic link's path without such a character",
        )


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """A scratch folder beside `out` that becomes `out` when the block succeeds, and vanishes when not.

    BadInput if `out` may not be written (see require_free); Failed if another process is writing it.
    """
    folder = require_free(out)
    with scratch_beside(folder) as scratch:
        yield scratch
        require_free(out)
        _replace(folder, scratch)


@contextmanager
def scratch_beside(place: Path) -> Iterator[Path]:
    """An empty folder of this process beside `place`, on the same disk, that vanishes at the end.

    What a killed process left in it is cleared away. Failed if another process is at work on `place`, or the
    disk becomes full.
    """
    scratch = place.with_name(f".{place.name}.partial")
    try:
        scratch.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, FileExistsError, NotADirectoryError) as error:
        raise BadInput(
            f"no folder can be made there: {error.strerror}", str(error.filename), "give another --out"
        ) from error
    descriptor = os.open(scratch, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not _lock(descriptor, scratch):
            raise Failed(
                "another conversion is writing this", str(place), "wait for it, or give another --out"
            )
        try:
            for left in scratch.iterdir():
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
            yield scratch
        except Exception as error:
            if _FULL.search(str(error)):  # TensorFlow has errors of its own for it
                free = shutil.disk_usage(scratch).free / 2**20
                raise Failed(
                    "the disk is full",
                    f"{place.parent}: {free:.0f} MiB free",
                    "make room, or give another --out",
                ) from error
            raise
        finally:
            if _is_open_as(descriptor, scratch):  # else it was renamed, and the next process may have its own
                shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path) -> bool:
    """Whether this process now holds the folder that `descriptor` has open, at the latest until it ends."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return _is_open_as(descriptor, folder)  # the one that held it may have renamed or removed it


def _is_open_as(descriptor: int, folder: Path) -> bool:
    return folder.exists() and os.path.samestat(os.fstat(descriptor), folder.stat())


def _replace(folder: Path, partial: Path) -> None:
    """Puts the scratch folder in the place of an earlier one, moved away first: a rename takes no time."""
    before = folder.with_name(f".{folder.name}.before")
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists() and os.listdir(folder):
        os.replace(folder, before)
    os.replace(partial, folder)
    shutil.rmtree(before, ignore_errors=True)


def resolved_path(out: Path) -> Path:
    """The absolute path, links followed; BadInput for what no path can be."""
    try:
        resolved = out.resolve()
        (resolved.parent / f".{resolved.name}.partial").exists()  # the longest name that is made of it
        return resolved
    except PermissionError:
        raise
    except (OSError, RuntimeError, ValueError) as error:  # a name too long, a loop of links, a NUL
        raise BadInput(
            f"nothing can be written at this path: {getattr(error, 'strerror', None) or error}",
            str(out),
            "give another path",
        ) from error


def require_room(out: Path) -> None:
    """BadInput unless the nearest of the folders above that exists is one where a folder can be made."""
    above = next(parent for parent in out.parents if parent.exists())
    if not above.is_dir():
        raise BadInput(
            "the output would be inside a file", str(above), "give a path whose parents are folders"
        )
    if not os.access(above, os.W_OK):
        raise BadInput(
            "this user can't write there", str(above), "give another --out, or get the right to that folder"
        )
