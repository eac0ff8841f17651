"""Read access to a destination: which versions exist, which one is live, and what happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.object_store.store import is_address
from components.pusher.destination import open_destination
from components.pusher.history import HistoryEntry
from components.pusher.manifest import MANIFEST_FILE, Version, read_manifest
from detection.errors import BadInput

__all__ = [
    "Version",
    "list_versions",
    "live_number",
    "live_version",
    "read_history",
    "version_at",
    "version_folder",
]


def list_versions(destination: str | Path) -> list[Version]:
    """Return every published version, oldest first; empty when nothing was published."""
    return open_destination(destination).versions()


def live_number(destination: str | Path) -> int | None:
    """The number of the version that is served now, also where its files are damaged or gone."""
    return open_destination(destination).live_number()


def live_version(destination: str | Path) -> Version | None:
    """Return the version that is served now, or None when nothing was published yet.

    Raises BadInput if something that publishing did not make stands where the pointer to it belongs.
    """
    return open_destination(destination).live()


def read_history(destination: str | Path) -> list[HistoryEntry]:
    """What was published, rolled back to and removed, oldest first.

    None where nothing was published, or an older release did it. Raises Failed for a line that can't be read.
    """
    return [entry for entry in open_destination(destination).history() if entry.action != "claimed"]


def version_at(place: str) -> Version | None:
    """The version of this directory or address; None if there is none."""
    if not is_address(place):
        path = Path(place).resolve()
        if not (path / MANIFEST_FILE).is_file():
            return None
        manifest = read_manifest(path)
        return Version(manifest.version, str(path), manifest)
    destination = place.rstrip("/").rsplit("/", 2)[0]
    return next((v for v in list_versions(destination) if v.address == place.rstrip("/")), None)


@contextmanager
def version_folder(place: str) -> Iterator[Path]:
    """A version's directory; of one in an object store a copy, for as long as it is needed.

    Of an object store raises BadInput if there is no such version, and Failed if its files are not what was
    published.
    """
    if not is_address(place):
        yield Path(place)
        return
    version = version_at(place)
    if version is None:
        raise BadInput(
            "there is no such version", place, "plan the run again: it then names the live version"
        )
    with open_destination(version.destination).copy(version) as folder:
        yield folder
