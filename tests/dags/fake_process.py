"""A process of this machine that plays a container: in a group of its own, so that its kills are real."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime


def now() -> str:
    """The time as the engines write it."""
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


class FakeProcess:
    """It is started by `run`. `exit_code` and `ended` are there when it has ended."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.output: list[bytes] = []
        self.exit_code: int | None = None
        self.ended: str | None = None
        self._changed = threading.Condition()

    def run(self, command: list[str], environment: dict[str, str]) -> None:
        """Starts it."""
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._watch, args=[self.process], daemon=True).start()

    def lines(self, follow: bool, start: int = 0) -> Iterator[bytes]:
        """What was written from line `start` on; with `follow` until the end."""
        position = start
        while True:
            with self._changed:
                while follow and position >= len(self.output) and self.exit_code is None:
                    self._changed.wait(60)
                new, ended = self.output[position:], self.exit_code is not None
            yield from new
            position += len(new)
            if not follow or ended and not new:
                return

    def wait(self, seconds: float | None = None) -> bool:
        """Whether it has ended, within a time."""
        with self._changed:
            return self._changed.wait_for(lambda: self.exit_code is not None, seconds)

    def kill(self, number: signal.Signals) -> None:
        """A signal to it and all that it started."""
        if self.process is not None and self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def stamp(self) -> bytes:
        """What a line of the log begins with."""
        return b""

    def _watch(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._changed:
                self.output.append(self.stamp() + line)
                self._changed.notify_all()
        code = process.wait()
        with self._changed:
            self.ended = now()  # first: who reads the exit code reads this too
            self.exit_code = code if code >= 0 else 128 - code
            self._changed.notify_all()
