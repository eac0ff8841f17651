"""Content hashes of everything that goes into a run: files, code and package versions.

TFX's own cache looks at sizes and times of change; a run's results depend on contents only.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from detection.errors import BadInput

_ROOT = Path(__file__).resolve().parents[1]
_BLOCK = 1 << 20
# The folders in components/ whose code a node runs, its own first.
NODE_FOLDERS = {
    "ExampleGen": ("example_gen", "object_store"),
    "ConfigValidator": ("config_validator", "checkpoint_converter", "example_gen", "object_store"),
    "CheckpointConverter": ("checkpoint_converter",),
    "Trainer": ("trainer", "checkpoint_converter", "evaluator"),
    "Evaluator": (
        "evaluator",
        "checkpoint_converter",
        "config_validator",
        "example_gen",
        "object_store",
        "pusher",
        "trainer",
    ),
    "Pusher": ("pusher", "evaluator", "object_store"),
}
# Packages whose release can change the numbers a node computes.
_PACKAGES = {
    "ExampleGen": ("apache-beam", "pillow", "pycocotools", "tensorflow-data-validation"),
    "ConfigValidator": ("tf-models-research-object-detection",),
    "CheckpointConverter": ("keras", "tensorflow", "tf-models-research-object-detection"),
    "Trainer": ("faster-coco-eval", "keras", "keras-tuner", "tensorflow"),
    "Evaluator": ("faster-coco-eval", "tensorflow"),
    "Pusher": (),
}


class Content(BaseModel):
    """What is at a path: `sha256` covers the files' names (relative to it) and bytes.

    `seen` is a cheap digest of names, sizes and times of change, to notice an edit without reading all.
    `also` are files outside the path that belong to it, `beside` further paths with all that is in them.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    files: int
    bytes: int
    sha256: str
    seen: str
    also: list[str] = []
    beside: list[str] = []

    def identity(self) -> dict[str, Any]:
        """What stays equal when equal files lie elsewhere."""
        return {"files": self.files, "bytes": self.bytes, "sha256": self.sha256}


def content_of(path: Path, also: Iterable[Path] = (), beside: Sequence[Path] = ()) -> Content:
    """The content of a file, of a directory, or of a checkpoint prefix (`path`.*, or V1's numbered shards).

    Files in `also` count too where they lie elsewhere, and all that is at the paths `beside`. Raises BadInput
    if there is nothing at a path.
    """
    files = _files_at_all(path, beside)
    others = sorted(set(also) - set(files))
    files += others
    with ThreadPoolExecutor(4) as pool:
        hashes = list(pool.map(_sha256, files))
    total = hashlib.sha256()
    base = path if path.is_dir() else path.parent
    for file, file_hash in zip(files, hashes, strict=True):
        total.update(os.fsencode(f"{os.path.relpath(file, base)}\0{file_hash}\n"))
    return Content(
        path=str(path),
        files=len(files),
        bytes=sum(file.stat().st_size for file in files),
        # A single file's hash is what `sha256sum` prints.
        sha256=hashes[0] if files == [path] else total.hexdigest(),
        seen=_seen(files),
        also=[str(file) for file in others],
        beside=[str(other) for other in beside],
    )


def is_unchanged(content: Content) -> bool:
    """Whether the path still has what `content` describes; reads the files only if they look edited."""
    path = Path(content.path)
    try:
        also, beside = ([Path(file) for file in files] for files in (content.also, content.beside))
        if _seen([*_files_at_all(path, beside), *also]) == content.seen:
            return True
        return content_of(path, also, beside).sha256 == content.sha256
    except (BadInput, OSError):
        return False


def hash_of_files(files: list[Path]) -> str:
    """One SHA-256 over the bytes of several files, in this order."""
    return digest("\n".join(_sha256(file) for file in files))


def fingerprint(**parts: Any) -> str:
    """Canonical JSON of the parts, for an execution property; Content goes in by its identity."""
    plain = {
        name: part.identity() if isinstance(part, Content) else part
        for name, part in parts.items()
        if part is not None
    }
    return json.dumps(plain, sort_keys=True, separators=(",", ":"))


def digest(text: str) -> str:
    """The SHA-256 of a text, 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_version(node: str) -> str:
    """Digest of the project's code that `node` runs and of the packages that it computes with."""
    total = hashlib.sha256()
    for package in _PACKAGES[node]:
        total.update(f"{package}=={importlib.metadata.version(package)}\n".encode())
    folders = [_ROOT / "detection", *(_ROOT / "components" / folder for folder in NODE_FOLDERS[node])]
    sources = [file for folder in folders for file in _files_at(folder)]
    shared = [_ROOT / "components" / name for name in ("settings.py", "types.py")]
    for file in [*sources, *shared]:
        total.update(f"{file.relative_to(_ROOT)}\0{_sha256(file)}\n".encode())
    return total.hexdigest()[:16]


def _files_at_all(path: Path, beside: Iterable[Path]) -> list[Path]:
    return list(dict.fromkeys(file for place in (path, *beside) for file in _files_at(place)))


def _files_at(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts]
    else:
        belongs = re.compile(re.escape(path.name) + r"(\..*|-\d{5}-of-\d{5})")
        found = [file for file in _entries(path.parent) if belongs.fullmatch(file.name)]
    if not found:
        raise BadInput("there are no files here", str(path), "correct the path, or put the files there")
    return sorted(found)


def _entries(folder: Path) -> list[Path]:
    return [entry for entry in folder.iterdir() if entry.is_file()] if folder.is_dir() else []


def _sha256(file: Path) -> str:
    result = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            result.update(block)
    return result.hexdigest()


def _seen(files: list[Path]) -> str:
    result = hashlib.sha256()
    for file in files:
        status = file.stat()
        result.update(os.fsencode(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n"))
    return result.hexdigest()
