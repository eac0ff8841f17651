"""A destination on a local or mounted POSIX file system.

    DEST/versions/N/        saved_model.pb, variables/, assets.extra/, label_map.pbtxt, pipeline.config,
                            model_card.md, tflite/ if there is one, manifest.json
    DEST/.live-N/N       -> ../versions/N
    DEST/live            -> .live-N
    DEST/history.jsonl

TensorFlow Serving is pointed at DEST/live and sees exactly one version there. `versions/N` appears by one
rename of a complete directory, and `live` moves by one rename of a symlink, so a reader never sees a part.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from components.pusher.content import content_hash, published_files
from components.pusher.durable import exclusive_lock, replace_symlink, sync_directory
from components.pusher.file_errors import file_errors
from components.pusher.history import (
    HISTORY_FILE,
    Decide,
    HistoryEntry,
    line_of,
    parse_history,
    whole_lines,
)
from components.pusher.manifest import Manifest, Version, read_manifest, version_number
from detection.errors import BadInput

VERSIONS = "versions"
_LIVE = "live"
_LIVE_PREFIX = ".live-"
_LOCK = ".lock"
_STAGING_PREFIX = ".staging-"
_REMOVED_PREFIX = ".removed-"
_OWN = (VERSIONS, HISTORY_FILE, _LOCK)
_OWN_PATTERNS = (f"{VERSIONS}/*", f"{_LIVE_PREFIX}*", f"{_STAGING_PREFIX}*", f"{_REMOVED_PREFIX}*")
_LIVE_TARGET = re.compile(re.escape(_LIVE_PREFIX) + "([1-9][0-9]*)")


class Folder:
    """See destination.Destination; `record`, `point`, `add` and `delete` want the lock held."""

    def __init__(self, root: Path) -> None:
        self.address = str(root)
        self._root = root
        self._versions = root / VERSIONS

    def prepare(self) -> None:
        self._refuse_links()
        with file_errors(self.address):
            self._versions.mkdir(parents=True, exist_ok=True)
        self.live_number()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        self._refuse_links()
        with file_errors(self.address), exclusive_lock(self._root / _LOCK):
            yield

    def clean(self) -> None:
        for prefix in (_STAGING_PREFIX, _REMOVED_PREFIX):
            for leftover in self._root.glob(f"{prefix}*"):
                shutil.rmtree(leftover)

    def numbers(self) -> list[int]:
        with file_errors(self.address):
            names = os.listdir(self._versions) if self._versions.is_dir() else []
        return sorted(number for number in map(version_number, names) if number is not None)

    def version(self, number: int) -> Version:
        path = self._versions / str(number)
        return Version(number, str(path), read_manifest(path))

    def versions(self) -> list[Version]:
        return [self.version(number) for number in self.numbers()]

    def live_number(self) -> int | None:
        link = self._root / _LIVE
        if not os.path.lexists(link):
            return None
        found = _LIVE_TARGET.fullmatch(os.readlink(link)) if link.is_symlink() else None
        if found is None:
            raise BadInput(
                "something else stands where the symlink to the live version belongs",
                str(link),
                "move it away, or name another destination",
            )
        return int(found.group(1))

    def live(self) -> Version | None:
        number = self.live_number()
        return None if number is None else self.version(number)

    def history(self) -> list[HistoryEntry]:
        path = self._root / HISTORY_FILE
        with file_errors(self.address):
            content = path.read_bytes() if path.exists() else b""
        return parse_history(content, str(path))

    @contextmanager
    def staging(self) -> Iterator[Path]:
        folder = self._root / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
        try:
            yield folder
        finally:  # where it became a version, there is nothing left
            shutil.rmtree(folder, ignore_errors=True)

    def reserve(self, make: Callable[[int], Manifest]) -> Manifest:
        numbers = self.numbers() + [entry.version for entry in self.history()]
        return make(max(numbers, default=0) + 1)

    def add(self, staged: Path, manifest: Manifest) -> Version:
        final = self._versions / str(manifest.version)
        os.rename(staged, final)
        sync_directory(final.parent)
        return Version(manifest.version, str(final), manifest)

    def record(self, decide: Decide) -> HistoryEntry | None:
        entry = decide(self.history(), self.live_number())
        if entry is not None:
            self._append(entry)
        return entry

    def point(self, version: Version) -> None:
        """Replace `live` by a link to a directory that holds only this version, complete beforehand."""
        holder = self._root / f"{_LIVE_PREFIX}{version.number}"
        target = f"../{VERSIONS}/{version.number}"
        link = holder / str(version.number)
        holder.mkdir(exist_ok=True)
        if not link.is_symlink() or os.readlink(link) != target:
            # a killed publisher may have made the directory only
            replace_symlink(link, target)
        replace_symlink(self._root / _LIVE, holder.name)

    def content_hash(self, version: Version) -> str:
        return content_hash(published_files(version.path))

    def copy(self, version: Version) -> AbstractContextManager[Path]:
        return nullcontext(version.path)

    def delete(self, version: Version) -> None:
        """Take the version away in one rename, then delete its files; clean() deletes what a kill left."""
        aside = self._root / f"{_REMOVED_PREFIX}{uuid.uuid4().hex}"
        os.rename(version.path, aside)
        sync_directory(self._versions)
        shutil.rmtree(self._root / f"{_LIVE_PREFIX}{version.number}", ignore_errors=True)
        shutil.rmtree(aside)

    def _append(self, entry: HistoryEntry) -> None:
        """Add one line and flush it to disk."""
        descriptor = os.open(self._root / HISTORY_FILE, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as stream:
            stream.truncate(len(whole_lines(stream.read())))
            stream.seek(0, os.SEEK_END)
            stream.write(line_of(entry))
            stream.flush()
            os.fsync(stream.fileno())
        sync_directory(self._root)

    def _refuse_links(self) -> None:
        """A link here would let a publication write, and a retention delete, somewhere else."""
        named = [self._root / name for name in _OWN]  # which glob would leave out if a link leads nowhere
        for path in (*named, *(path for pattern in _OWN_PATTERNS for path in self._root.glob(pattern))):
            if path.is_symlink():
                raise BadInput(
                    "this is a symbolic link, which leads out of the destination",
                    str(path),
                    "put the folder itself there, or name the folder it points to as publish.destination",
                )
