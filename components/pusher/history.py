"""history.jsonl of a serving destination: what became live or was removed, when, by whom and why."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.pusher.manifest import Manifest
from detection.errors import Failed

HISTORY_FILE = "history.jsonl"
ACTOR_VARIABLE = "UPCYCLE_ACTOR"

# "claimed" is an object store's: a publisher took a number, and uploads to it
Action = Literal["claimed", "published", "rolled back", "removed"]


class HistoryEntry(BaseModel):
    """One line. `was` is the version that was live before; `run_id` leads to the lineage of the version.

    `why` of a publication are the gate's reasons; `anyway` is a person's, where the gate refused.
    """

    model_config = ConfigDict(extra="ignore")  # a newer release may have written more

    when: str  # UTC, ISO 8601
    action: Action
    version: int
    was: int | None
    who: str
    why: str
    run_id: str
    content_hash: str
    metrics: dict[str, Any] = Field(default_factory=dict)
    anyway: str = ""


# What to add to the history, from its entries and the version that is live now; None: nothing
Decide = Callable[[list[HistoryEntry], int | None], HistoryEntry | None]


def entry_of(
    manifest: Manifest, action: Action, *, was: int | None, why: str, who: str = "", anyway: str = ""
) -> HistoryEntry:
    """What there is to say about one change to a version at this moment; without `who`, by this user."""
    return HistoryEntry(
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        action=action,
        version=manifest.version,
        was=was,
        who=who or actor(),
        why=why,
        run_id=manifest.run_id,
        content_hash=manifest.content_hash,
        metrics=manifest.facts.get("metrics", {}),
        anyway=anyway,
    )


def parse_history(content: bytes, where: str) -> list[HistoryEntry]:
    """All entries, oldest first.

    A last line without its end is what a power cut left: it is no entry. Raises Failed for any other line
    that can't be read.
    """
    try:
        return [HistoryEntry.model_validate_json(line) for line in whole_lines(content).splitlines()]
    except ValidationError as error:
        raise Failed(
            f"the history has a line that can't be read: {error.errors()[0]['msg']}",
            where,
            "restore the file from a backup, or move it away; the versions themselves are not touched",
        ) from error


def whole_lines(content: bytes) -> bytes:
    """What stands before half of a line: that would make the next one unreadable."""
    return content[: content.rfind(b"\n") + 1]


def line_of(entry: HistoryEntry) -> bytes:
    """The entry as a line."""
    return entry.model_dump_json().encode() + b"\n"


def live_entries(entries: list[HistoryEntry]) -> list[HistoryEntry]:
    """Those that made a version live, oldest first."""
    return [entry for entry in entries if entry.action in ("published", "rolled back")]


def last_live(entries: list[HistoryEntry]) -> HistoryEntry | None:
    """The entry that says which version is live; None without any."""
    return next(reversed(live_entries(entries)), None)


def removed_versions(entries: list[HistoryEntry]) -> set[int]:
    """The versions that the history says are removed."""
    return {entry.version for entry in entries if entry.action == "removed"}


def actor() -> str:
    """Who does it: the orchestrator's user where it says so, else the system's."""
    if os.environ.get(ACTOR_VARIABLE):
        return os.environ[ACTOR_VARIABLE]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
