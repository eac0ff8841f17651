"""history.jsonl of a serving destination: what became live or was removed, when, by whom and why."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.pusher.durable import sync_directory
from components.pusher.manifest import Manifest
from detection.errors import Failed

HISTORY_FILE = "history.jsonl"
ACTOR_VARIABLE = "UPCYCLE_ACTOR"

Action = Literal["published", "rolled back", "removed"]


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


def read_history(destination: Path) -> list[HistoryEntry]:
    """All entries, oldest first; none where nothing was published, or an older release did it.

    A last line without its end is what a power cut left: it is no entry. Raises Failed for any other line
    that can't be read.
    """
    path = Path(destination) / HISTORY_FILE
    if not path.is_file():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    try:
        return [HistoryEntry.model_validate_json(line) for line in whole.splitlines()]
    except ValidationError as error:
        raise Failed(
            f"the history has a line that can't be read: {error.errors()[0]['msg']}",
            str(path),
            "restore the file from a backup, or move it away; the versions themselves are not touched",
        ) from error


def last_live(entries: list[HistoryEntry]) -> HistoryEntry | None:
    """The entry that says which version is live; None without any."""
    return next((entry for entry in reversed(entries) if entry.action != "removed"), None)


def append(destination: Path, entry: HistoryEntry) -> None:
    """Add one line and flush it to disk; the caller holds the destination's lock."""
    path = destination / HISTORY_FILE
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(descriptor, "r+b") as stream:
        content = stream.read()
        # half of a line would make the next one unreadable
        stream.truncate(content.rfind(b"\n") + 1)
        stream.seek(0, os.SEEK_END)
        stream.write(entry.model_dump_json().encode() + b"\n")
        stream.flush()
        os.fsync(stream.fileno())
    sync_directory(destination)


def actor() -> str:
    """Who does it: the orchestrator's user where it says so, else the system's."""
    if os.environ.get(ACTOR_VARIABLE):
        return os.environ[ACTOR_VARIABLE]
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return str(os.getuid())
