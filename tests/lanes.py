"""Runs commands side by side, prints each one's output whole and in order, and leaves no process behind.

A line says when a command starts, so that a long silence is no riddle.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

GRACE = 60.0  # seconds for a command to tidy up after it was interrupted


@dataclass(frozen=True)
class Command:
    """Something to run; `alone` means that no other command runs at the same time."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    alone: bool = False


class _Running:
    """A command in a process group of its own; its output goes to a file."""

    def __init__(self, command: Command, log: Path) -> None:
        self.command = command
        self.log = log
        self._started = time.monotonic()
        self.seconds = 0.0
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command.argv,
                env=command.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def status(self) -> int | None:
        """The exit status, None while it runs."""
        if self._process.returncode is None and self._process.poll() is not None:
            self.seconds = time.monotonic() - self._started
            self.signal(signal.SIGKILL)  # what it started and forgot
        return self._process.returncode

    def signal(self, number: int) -> None:
        """Send a signal to the command and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    def show(self, remark: str) -> None:
        """Print a headline and the whole output."""
        print(f"== {self.command.name}: {remark}", flush=True)
        with self.log.open("rb") as output:
            shutil.copyfileobj(output, sys.stdout.buffer)
        sys.stdout.flush()


def run(commands: Sequence[Command], lanes: int) -> list[int]:
    """The exit status of each command; at most `lanes` of them run at once, and they start in order.

    A command that runs alone waits for those before it and holds up those after it. Ctrl-C, SIGTERM or SIGHUP
    ends all of them, prints what they had said, and raises SystemExit with 128 and the signal's number.
    """
    waiting = list(commands)
    started: list[_Running] = []
    shown = 0
    with tempfile.TemporaryDirectory(prefix="lanes-") as folder, _heard_signals() as heard:
        try:
            while (waiting or shown < len(started)) and not heard:
                running = [one for one in started if one.status() is None]
                while waiting and _fits(waiting[0], running, lanes):
                    running.append(_Running(waiting.pop(0), Path(folder) / str(len(started))))
                    started.append(running[-1])
                    print(f"-- {running[-1].command.name}: started", flush=True)
                while shown < len(started) and (status := started[shown].status()) is not None:
                    started[shown].show(f"exit status {status}, {started[shown].seconds:.0f} s")
                    shown += 1
                time.sleep(0.1)
        finally:
            _end(started, heard)
        if heard:
            for one in started[shown:]:
                one.show("interrupted")
            raise SystemExit(128 + heard[0])
        return [one.status() or 0 for one in started]


def _fits(command: Command, running: Sequence[_Running], lanes: int) -> bool:
    if command.alone or any(one.command.alone for one in running):
        return not running
    return len(running) < lanes


def _end(started: Sequence[_Running], heard: Sequence[int]) -> None:
    """Interrupt what runs, so that it tidies up; kill it after the grace or at one more signal."""
    before, deadline = len(heard), time.monotonic() + GRACE
    for one in started:
        if one.status() is None:
            one.signal(signal.SIGINT)
    while running := [one for one in started if one.status() is None]:
        if len(heard) > before or time.monotonic() > deadline:
            for one in running:
                one.signal(signal.SIGKILL)
        time.sleep(0.1)


@contextmanager
def _heard_signals() -> Iterator[list[int]]:
    """The list that SIGINT, SIGTERM and SIGHUP are written to in this block, where they interrupt nothing."""
    heard: list[int] = []

    def hear(number: int, frame: FrameType | None) -> None:
        heard.append(number)

    before = {
        number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield heard
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
