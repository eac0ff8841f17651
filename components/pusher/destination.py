"""A place that versions are published to: a folder, or a folder of an object store."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from components.object_store.store import is_address, open_store
from components.pusher.bucket import Bucket
from components.pusher.folder import Folder
from components.pusher.history import Decide, HistoryEntry
from components.pusher.manifest import Manifest, Version
from detection.errors import BadInput


class Destination(Protocol):
    """What publishing, rollback and retention do with a destination. Each step may be the last one.

    After a kill anywhere the next publication ends what was begun.
    """

    address: str

    def prepare(self) -> None:
        """Make what is missing. Raises BadInput if nothing can be published here."""

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep other publishers out, where the place has a lock; object stores have conditional writes."""

    def clean(self) -> None:
        """Remove what killed publishers left."""

    def numbers(self) -> list[int]:
        """The number of every whole version, oldest first."""

    def version(self, number: int) -> Version:
        """One of them. Raises UnreadableManifest if it is damaged."""

    def versions(self) -> list[Version]:
        """All of them."""

    def live_number(self) -> int | None:
        """The version that readers are told to load, whether it is there or not."""

    def live(self) -> Version | None:
        """The same, read."""

    def history(self) -> list[HistoryEntry]:
        """All entries, oldest first."""

    def staging(self) -> AbstractContextManager[Path]:
        """A folder of this machine to make, and to fill with a version that nobody sees."""

    def reserve(self, make: Callable[[int], Manifest]) -> Manifest:
        """The manifest of the next version, with a number that no other content ever gets."""

    def add(self, staged: Path, manifest: Manifest) -> Version:
        """Make a whole version of a staged folder, in one step for whoever reads."""

    def record(self, decide: Decide) -> HistoryEntry | None:
        """Add to the history what `decide` says about its present state, or nothing; returns that."""

    def point(self, version: Version) -> None:
        """Make readers load the version that was recorded last, in one step."""

    def content_hash(self, version: Version) -> str:
        """The hash of the content that is there now."""

    def copy(self, version: Version) -> AbstractContextManager[Path]:
        """A folder of this machine with the version's files; it may be gone afterwards."""

    def delete(self, version: Version) -> None:
        """Delete a version's files; the history says already that it is removed."""


def open_destination(place: str | Path) -> Destination:
    """The destination of a path or an address; touches nothing.

    Raises BadInput for an address that can't be used.
    """
    text = str(place)
    if is_address(text):
        return Bucket(open_store(text), text.rstrip("/"))
    if ":/" in text:
        raise BadInput(
            "the address of an object store has two slashes",
            text,
            "write s3://BUCKET/FOLDER or gs://BUCKET/FOLDER as publish.destination",
        )
    return Folder(Path(text).absolute())
