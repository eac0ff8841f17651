"""History and pointer of a destination in an object store, changed by conditional writes alone.

The history decides, and only grows: each line is added on condition that nobody else has added one. The
pointer follows its last change, on condition that it is still what it was before the history was read.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from components.object_store.store import Content, ObjectStore
from components.pusher.history import (
    HISTORY_FILE,
    Decide,
    HistoryEntry,
    last_live,
    line_of,
    live_entries,
    parse_history,
    removed_versions,
    whole_lines,
)
from components.pusher.manifest import Manifest, UnreadableManifest
from components.pusher.pointer import POINTER, pointed_to, pointer_bytes
from detection.errors import Failed

_TRIES = 50
_LONGEST_WAIT_SECONDS = 1.0


class Ledger:
    """What happened in a destination, and what is live."""

    def __init__(
        self, store: ObjectStore, address: str, base: str, manifest_of: Callable[[int], Manifest]
    ) -> None:
        """Touches nothing.

        Args:
          base: the address of the folder with the versions.
          manifest_of: gives a whole version's manifest.
        """
        self._store = store
        self._address = address
        self._base = base
        self._manifest_of = manifest_of

    def entries(self) -> list[HistoryEntry]:
        """All of the history, oldest first."""
        return self._read()[0]

    def pointed_to(self) -> int | None:
        """The version that readers are told to load. Raises BadInput for a pointer that isn't one."""
        pointer = self._store.read(POINTER)
        return self._number(pointer) if pointer else None

    def record(self, decide: Decide) -> HistoryEntry | None:
        """Add what `decide` says about the present state, or nothing; returns that.

        Raises Failed if that would make a version live that is removed, or if others always come first.
        """
        tries = self._tries()
        while True:
            next(tries)
            live = None
            with suppress(UnreadableManifest):  # what is live is damaged; this change may be the way out
                live = self.settle()
            entries, content = self._read()
            last = last_live(entries)
            entry = decide(entries, last.version if last else live)
            if entry is None:
                return None
            if entry.action != "removed" and entry.version in removed_versions(entries):
                raise Failed(f"version {entry.version} was removed meanwhile", self._address, "run again")
            if self._append(entry, content):
                return entry

    def settle(self) -> int | None:
        """Make the pointer say what the history says, and return the live version's number.

        The pointer is read first: so nothing newer than what the history said then is overwritten.
        Raises UnreadableManifest for a damaged version, and Failed if others always come first.
        """
        tries = self._tries()
        while True:
            next(tries)
            pointer = self._store.read(POINTER)
            shown = self._number(pointer) if pointer else None
            changes = live_entries(self.entries())
            if not changes:  # nothing was published, or somebody moved the history away
                return shown
            number = changes[-1].version
            wanted = pointer_bytes(self._manifest_of(number), self._base, len(changes))
            if pointer is not None and pointer.data == wanted:
                return number
            self._store.write(POINTER, wanted, pointer.tag if pointer else None)

    def _tries(self) -> Iterator[None]:
        """Waits between them, longer each time and never as long as others do; raises Failed after many."""
        for number in range(_TRIES):
            time.sleep(random.random() * min(_LONGEST_WAIT_SECONDS, 0.02 * number))
            yield
        raise Failed(
            f"{_TRIES} times in a row somebody else's change came first",
            self._address,
            "run again; if it stays so, the store's conditional writes (If-Match, If-None-Match) don't work",
        )

    def _read(self) -> tuple[list[HistoryEntry], Content | None]:
        content = self._store.read(HISTORY_FILE)
        if content is None:
            return [], None
        return parse_history(content.data, f"{self._address}/{HISTORY_FILE}"), content

    def _append(self, entry: HistoryEntry, content: Content | None) -> bool:
        """Add a line if the history is still `content`.

        A refusal may be the second try of a write whose answer was lost; then the line is there.
        """
        wanted = (whole_lines(content.data) if content else b"") + line_of(entry)
        if self._store.write(HISTORY_FILE, wanted, content.tag if content else None):
            return True
        now = self._store.read(HISTORY_FILE)
        return now is not None and now.data.startswith(wanted)

    def _number(self, pointer: Content) -> int:
        return pointed_to(pointer.data, f"{self._address}/{POINTER}")
