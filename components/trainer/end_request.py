"""SIGTERM as a request: the training ends where it can go on later."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

from detection.errors import Failed


class AskedToEnd(Failed):
    """The training ended because the process was asked to."""


class EndRequest:
    """Within `with request:` SIGTERM no longer kills, it sets `asked`; once or more often is the same."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> EndRequest:
        # Python allows signal handlers in the main thread only; elsewhere SIGTERM keeps its meaning.
        self._handles = threading.current_thread() is threading.main_thread()
        if self._handles:
            self._previous = signal.signal(signal.SIGTERM, self._on_signal)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._handles:
            signal.signal(signal.SIGTERM, self._previous)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self.asked:
            # not print, which the signal may have interrupted
            os.write(2, b"SIGTERM: saving after this step\n")
        self.asked = True
