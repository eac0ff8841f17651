"""A line of progress every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_SECONDS = 10.0


class Progress:
    """Counts images and says how far it is, for logs."""

    def __init__(self, title: str, total: int | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Start counting; `total` is None where it is not known."""
        self._title, self._total, self._clock = title, total, clock
        self._started = self._said = clock()
        self._done = 0

    def add(self, images: int = 1) -> None:
        """Count images, and print a line if the last one is ten seconds ago."""
        self._done += images
        now = self._clock()
        if now - self._said >= _EVERY_SECONDS:
            self._said = now
            of = f" of {self._total:,}" if self._total else ""
            rate = self._done / (now - self._started)
            print(f"{self._title}: {self._done:,}{of} images, {rate:.1f} images/s", flush=True)
