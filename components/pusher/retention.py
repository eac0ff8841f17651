"""Which published versions may be removed to make room, and their removal."""

from __future__ import annotations

from functools import partial

from components.pusher.destination import Destination
from components.pusher.history import HistoryEntry, entry_of, last_live
from components.pusher.manifest import Version


def remove_old(place: Destination, keep: int) -> None:
    """Remove the oldest versions beyond the `keep` newest; never the live one nor the one before it.

    Killed after a version's entry in the history, the next publication deletes what is left.
    """
    versions = place.versions()
    for old in versions[:-keep]:
        if place.record(partial(_removal, old, versions, keep)):
            place.delete(old)


def previous_live(entries: list[HistoryEntry], versions: list[Version], live: int) -> int | None:
    """The version that was live before `live`: by the history, else the newest of the others."""
    entry = last_live(entries)
    if entry is not None and entry.version == live and entry.was is not None:
        return entry.was
    return max((version.number for version in versions if version.number != live), default=None)


def _removal(
    old: Version, versions: list[Version], keep: int, entries: list[HistoryEntry], live: int | None
) -> HistoryEntry | None:
    if live is None or old.number in (live, previous_live(entries, versions, live)):
        return None
    return entry_of(old.manifest, "removed", was=None, why=f"keep_versions is {keep}")
