"""A destination in an object store, which has no rename and no lock, but writes that are conditional.

    DEST/versions/N/...     as in a folder; manifest.json is written last: where it is, the version is whole
    DEST/history.jsonl      every change, and which publisher uploads to which number ("claimed")
    DEST/live.config        the pointer: which version is live

A number belongs to one content for ever: it is claimed in the history before the first upload. So publishers
of different contents never write to one folder, and those of one content write the same bytes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

from components.object_store.store import ObjectStore
from components.pusher.content import (
    content_hash,
    digest,
    file_chunks,
    hash_of_digests,
    is_model_file,
    published_files,
)
from components.pusher.history import Decide, HistoryEntry, entry_of, removed_versions
from components.pusher.ledger import Ledger
from components.pusher.manifest import (
    MANIFEST_FILE,
    Manifest,
    Version,
    manifest_bytes,
    parse_manifest,
    unreadable,
    version_number,
)
from detection.errors import Failed

_VERSIONS = "versions/"
# An upload that is not whole after this time was killed; no reader sees it.
ABANDONED_AFTER = timedelta(days=1)


class Bucket:
    """See destination.Destination."""

    def __init__(self, store: ObjectStore, address: str) -> None:
        self.address = address
        self._store = store
        self._ledger = Ledger(store, address, f"{address}/versions", lambda n: self.version(n).manifest)

    def prepare(self) -> None:
        self._store.check()
        self._ledger.pointed_to()

    def exclusive(self) -> AbstractContextManager[None]:
        return nullcontext()

    def clean(self) -> None:
        removed = removed_versions(self.history())
        for number, objects in self._uploads().items():
            abandoned = max(objects.values()) < datetime.now(UTC) - ABANDONED_AFTER
            whole = _marker(number) in objects
            if number in removed or (abandoned and not whole and self._give_up(number)):
                self._delete(number)

    def numbers(self) -> list[int]:
        uploads = self._uploads()
        removed = removed_versions(self.history())
        return [n for n in sorted(uploads) if _marker(n) in uploads[n] and n not in removed]

    def version(self, number: int) -> Version:
        address = f"{self.address}/{_below(number)}".rstrip("/")
        marker = self._store.read(_marker(number))
        if marker is None:
            raise unreadable(f"{address}/{MANIFEST_FILE}")
        return Version(number, address, parse_manifest(marker.data, f"{address}/{MANIFEST_FILE}"))

    def versions(self) -> list[Version]:
        return [self.version(number) for number in self.numbers()]

    def live_number(self) -> int | None:
        return self._ledger.pointed_to()

    def live(self) -> Version | None:
        number = self.live_number()
        return None if number is None else self.version(number)

    def history(self) -> list[HistoryEntry]:
        return self._ledger.entries()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="upcycle-publish-") as folder:
            yield Path(folder) / "version"

    def reserve(self, make: Callable[[int], Manifest]) -> Manifest:
        """Claim a number, or take over the claim of a publisher of the same content, dead or alive."""
        there = max(self._uploads(), default=0)
        taken: list[int] = []

        def claim(entries: list[HistoryEntry], live: int | None) -> HistoryEntry | None:
            manifest = make(max([there, *(entry.version for entry in entries)]) + 1)
            removed = removed_versions(entries)
            taken[:] = [
                entry.version
                for entry in entries
                if entry.content_hash == manifest.content_hash and entry.version not in removed
            ]
            return None if taken else entry_of(manifest, "claimed", was=None, why="")

        claimed = self._ledger.record(claim)
        return make(claimed.version if claimed else taken[-1])

    def add(self, staged: Path, manifest: Manifest) -> Version:
        """Upload, read back, and only then write the manifest, which makes it a version.

        No object of a version is ever replaced: what is there already, a publisher of the same content wrote.
        """
        files = {p.relative_to(staged).as_posix(): p for p in staged.rglob("*") if p.is_file()}
        files.pop(MANIFEST_FILE)
        below = _below(manifest.version)
        for name in sorted(files.keys() - {name.removeprefix(below) for name in self._store.names(below)}):
            self._store.upload(below + name, files[name])
        for name in filter(is_model_file, sorted(files)):
            if digest(self._store.chunks(below + name)) != digest(file_chunks(files[name])):
                self._store.delete([below + name])
                raise Failed(
                    "the object store has other bytes than were uploaded",
                    f"{self.address}/{below}{name}",
                    "run again; what serves is unchanged",
                )
        self._store.write(_marker(manifest.version), manifest_bytes(manifest), None)
        # that of another publisher of the same content, if it was faster
        return self.version(manifest.version)

    def record(self, decide: Decide) -> HistoryEntry | None:
        return self._ledger.record(decide)

    def point(self, version: Version) -> None:
        self._ledger.settle()

    def content_hash(self, version: Version) -> str:
        below = _below(version.number)
        names = [name for name in self._store.names(below) if is_model_file(name.removeprefix(below))]
        return hash_of_digests({name.removeprefix(below): digest(self._store.chunks(name)) for name in names})

    @contextmanager
    def copy(self, version: Version) -> Iterator[Path]:
        """Raises Failed if the files are not what was published."""
        below = _below(version.number)
        with tempfile.TemporaryDirectory(prefix="upcycle-version-") as temporary:
            folder = Path(temporary) / str(version.number)
            for name in self._store.names(below):
                file = folder / name.removeprefix(below)
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("xb") as stream:
                    stream.writelines(self._store.chunks(name))
            if content_hash(published_files(folder)) != version.manifest.content_hash:
                raise Failed(
                    f"the files of version {version.number} are not the ones that were published",
                    version.address,
                    "run again; if it stays so, restore the objects, or roll back to another version",
                )
            yield folder

    def delete(self, version: Version) -> None:
        self._delete(version.number)

    def _uploads(self) -> dict[int, dict[str, datetime]]:
        """The objects below each number, and when they were written."""
        found: dict[int, dict[str, datetime]] = {}
        for name, written in self._store.names(_VERSIONS).items():
            number = version_number(name.split("/")[1])
            if number is not None:
                found.setdefault(number, {})[name] = written
        return found

    def _give_up(self, number: int) -> bool:
        """Record that an upload was abandoned; False without a claim, so it isn't Upcycle's."""

        def decide(entries: list[HistoryEntry], live: int | None) -> HistoryEntry | None:
            known = [entry for entry in entries if entry.version == number]
            if not known or any(entry.action != "claimed" for entry in known):
                return None
            when = datetime.now(UTC).isoformat(timespec="seconds")
            changed = {"action": "removed", "when": when, "why": "its publisher was killed"}
            return known[-1].model_copy(update=changed)

        return self._ledger.record(decide) is not None

    def _delete(self, number: int) -> None:
        """The marker goes first: without it nobody takes what is left for a version."""
        names = self._store.names(_below(number))
        self._store.delete(sorted(names, key=lambda name: name != _marker(number)))


def _below(number: int) -> str:
    return f"{_VERSIONS}{number}/"


def _marker(number: int) -> str:
    return _below(number) + MANIFEST_FILE
