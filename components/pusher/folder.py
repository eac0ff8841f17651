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
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from components.pusher.content import content_hash, published_files
from components.pusher.durable import exclusive_lock, replace_symlink, sync_directory
from components.pusher.history import (
    HISTORY_FILE,
    Decide,
    HistoryEntry,
    line_of,
    parse_history,
    whole_lines,
)
from components.pusher.manifest import Manifest, Version, read_manifest
from detection.errors import BadInput

VERSIONS = "versions"
_LIVE = "live"
_LIVE_PREFIX = ".live-"
_LOCK = ".lock"
_STAGING_PREFIX = ".staging-"
_REMOVED_PREFIX = ".removed-"


class Folder:
    """See destination.Destination; `record`, `point`, `add` and `delete` want the lock held."""

    def __init__(self, root: Path) -> None:
        self.address = str(root)
        self._root = root
        self._versions = root / VERSIONS

    def prepare(self) -> None:
        try:
            self._versions.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise BadInput(
                "the destination is a file, not a folder", self.address, "name a folder, or a new path"
            ) from error
        except PermissionError as error:
            raise BadInput(
                "no permission to make the destination", self.address, "grant write access to this user"
            ) from error
        self._check_live_link()
        self._refuse_links()

    def exclusive(self) -> AbstractContextManager[None]:
        return exclusive_lock(self._root / _LOCK)

    def clean(self) -> None:
        for prefix in (_STAGING_PREFIX, _REMOVED_PREFIX):
            for leftover in self._root.glob(f"{prefix}*"):
                shutil.rmtree(leftover)

    def versions(self) -> list[Version]:
        if not self._versions.is_dir():
            return []
        numbers = sorted(int(entry.name) for entry in self._versions.iterdir() if entry.name.isdecimal())
        return [self._read(number) for number in numbers]

    def live(self) -> Version | None:
        self._check_live_link()
        link = self._root / _LIVE
        if not link.is_symlink():
            return None
        return self._read(int(os.readlink(link).removeprefix(_LIVE_PREFIX)))

    def history(self) -> list[HistoryEntry]:
        path = self._root / HISTORY_FILE
        return parse_history(path.read_bytes(), str(path)) if path.is_file() else []

    @contextmanager
    def staging(self) -> Iterator[Path]:
        folder = self._root / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def reserve(self, make: Callable[[int], Manifest]) -> Manifest:
        numbers = [version.number for version in self.versions()]
        numbers += [entry.version for entry in self.history()]
        return make(max(numbers, default=0) + 1)

    def add(self, staged: Path, manifest: Manifest) -> Version:
        final = self._versions / str(manifest.version)
        os.rename(staged, final)
        sync_directory(final.parent)
        return Version(manifest.version, str(final), manifest)

    def record(self, decide: Decide) -> HistoryEntry | None:
        live = self.live()
        entry = decide(self.history(), live.number if live else None)
        if entry is not None:
            self._append(entry)
        return entry

    def point(self, version: Version) -> None:
        """Replace `live` by a link to a directory that holds only this version, complete beforehand."""
        holder = self._root / f"{_LIVE_PREFIX}{version.number}"
        link = holder / str(version.number)
        holder.mkdir(exist_ok=True)
        if not link.is_symlink():  # a killed publisher may have made the directory only
            link.symlink_to(f"../{VERSIONS}/{version.number}")
            sync_directory(holder)
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

    def _read(self, number: int) -> Version:
        path = self._versions / str(number)
        return Version(number, str(path), read_manifest(path))

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

    def _check_live_link(self) -> None:
        link = self._root / _LIVE
        if os.path.lexists(link) and not (link.is_symlink() and os.readlink(link).startswith(_LIVE_PREFIX)):
            raise BadInput(
                "something else stands where the symlink to the live version belongs",
                str(link),
                "move it away, or name another destination",
            )

    def _refuse_links(self) -> None:
        """A link here would let a publication write, and a retention delete, somewhere else."""
        for path in (self._versions, *self._versions.iterdir()):
            if path.is_symlink():
                raise BadInput(
                    "this is a symbolic link, which leads out of the destination",
                    str(path),
                    "put the folder itself there, or name the folder it points to as publish.destination",
                )
