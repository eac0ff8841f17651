"""Which published versions may be removed to make room, and their removal."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from components.pusher.durable import sync_directory
from components.pusher.history import append, entry_of, last_live, read_history
from components.pusher.versions import LIVE_PREFIX, Version

REMOVED_PREFIX = ".removed-"


def removable(versions: list[Version], live: int, previous: int | None, keep: int) -> list[Version]:
    """The oldest of `versions` beyond the `keep` newest; never the live one nor the one before it."""
    spared = {live, previous} | {version.number for version in versions[-keep:]}
    return [version for version in versions if version.number not in spared]


def previous_live(destination: Path, versions: list[Version], live: int) -> int | None:
    """The version that was live before `live`: by the history, else the newest of the others."""
    entry = last_live(read_history(destination))
    if entry is not None and entry.version == live and entry.was is not None:
        return entry.was
    return max((version.number for version in versions if version.number != live), default=None)


def remove(destination: Path, version: Version, keep: int) -> None:
    """Take `version` away in one rename, say so in the history, then delete its files.

    Killed after the rename, the next publication deletes what is left (see remove_leftovers).
    """
    append(destination, entry_of(version.manifest, "removed", was=None, why=f"keep_versions is {keep}"))
    aside = destination / f"{REMOVED_PREFIX}{uuid.uuid4().hex}"
    os.rename(version.path, aside)
    sync_directory(version.path.parent)
    shutil.rmtree(destination / f"{LIVE_PREFIX}{version.number}", ignore_errors=True)
    shutil.rmtree(aside)
