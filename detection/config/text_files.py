"""Reads and writes small text files, and says in plain words why one can't be read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from detection.config.text_fault import TextFault

_LFS_HEADER = b"version https://git-lfs.github.com/spec/"
_MAX_BYTES = 16 * 1024 * 1024


def read_text(path: Path, kind: str) -> str:
    """The text of `path`, without a byte order mark. `kind` ("pipeline.config") names it in errors.

    Raises TextFault for a missing path, a directory, a Git LFS pointer, an empty, huge or binary file, or
    text that isn't UTF-8.
    """
    content = _read_bytes(path, kind)
    source = str(path)
    if content.startswith(_LFS_HEADER):
        raise TextFault("TXT019", f"{kind} is a Git LFS pointer, not the file", source, "run `git lfs pull`")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_utf16(content):
        raise TextFault("TXT012", f"{kind} is UTF-16 text", source, "save it again as UTF-8")
    if b"\0" in content:
        raise TextFault("TXT012", f"{kind} is a binary file", source, f"name the {kind}, which is text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise TextFault(
            "TXT012", f"{kind} is not UTF-8 text", source, "save it again as UTF-8", line, column
        ) from error
    if not text.strip():
        raise TextFault("TXT013", f"{kind} is empty", source, f"put the {kind} there again")
    return text


def _read_bytes(path: Path, kind: str) -> bytes:
    source = str(path)
    try:
        if path.is_dir():
            raise TextFault("TXT020", f"{kind} is a directory", source, f"name the {kind} file inside it")
        if path.stat().st_size > _MAX_BYTES:
            raise TextFault(
                "TXT012", f"{kind} is far too large to be one", source, f"name the {kind}, not a model"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise TextFault(
            "TXT020", f"{kind} does not exist", source, "correct the path" + _neighbours(path)
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise TextFault(
            "TXT020", f"{kind} can't be read: {why}", source, "correct the path or rights"
        ) from error


def _is_utf16(content: bytes) -> bool:
    """Whether every second byte of the start is zero: Latin letters in UTF-16, without a byte order mark."""
    start = content[:64]
    return len(start) >= 4 and (not any(start[::2]) or not any(start[1::2]))


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
