"""Reads and writes small text files, and says in plain words why one can't be read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from detection.errors import BadInput

_LFS_HEADER = b"version https://git-lfs.github.com/spec/"
_MAX_BYTES = 16 * 1024 * 1024


def read_text(path: Path, kind: str) -> str:
    """The text of `path`, without a byte order mark. `kind` ("pipeline.config") names it in errors.

    Raises BadInput for a missing path, a directory, a Git LFS pointer, an empty, huge or binary file, or text
    that isn't UTF-8.
    """
    if path.is_dir():
        raise BadInput(f"{kind} is a directory", str(path), f"name the {kind} file inside it")
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise BadInput(f"{kind} is far too large to be one", str(path), f"name the {kind}, not a model")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(f"{kind} does not exist", str(path), "correct the path" + _neighbours(path)) from error
    except OSError as error:
        raise BadInput(
            f"{kind} can't be read: {error.strerror}", str(path), "correct the path or rights"
        ) from error
    if content.startswith(_LFS_HEADER):
        raise BadInput(f"{kind} is a Git LFS pointer, not the file", str(path), "run `git lfs pull`")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise BadInput(f"{kind} is UTF-16 text", str(path), "save it again as UTF-8")
    if b"\0" in content:
        raise BadInput(f"{kind} is a binary file", str(path), f"name the {kind}, which is text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{kind} is not UTF-8 text", f"{path}:{line}", "save it again as UTF-8") from error
    if not text.strip():
        raise BadInput(f"{kind} is empty", str(path), f"put the {kind} there again")
    return text


def write_text(text: str, path: Path) -> None:
    """Writes `text` as UTF-8 so that a reader sees the old file or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)  # mkstemp makes it private
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f" (there is no folder {path.parent} either)"
    names = sorted(p.name for p in path.parent.iterdir() if p.suffix == path.suffix and p.is_file())
    return f"; beside it there is {', '.join(names[:5])}" if names else ""
