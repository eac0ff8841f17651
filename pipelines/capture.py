"""What this process and its children print, line by line; TensorFlow's C++ prints past sys.stdout."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

# TensorFlow's C++ greets with these while it is loaded, before TF_CPP_MIN_LOG_LEVEL can stop it.
_NOISE = re.compile(
    r"WARNING: All log messages before absl::InitializeLog\(\)"
    r"|[IW]\d{4} \d\d:\d\d:[\d.]+ +\d+ \w+\.cc:\d+\] "
    r"|To enable the following instructions: .*rebuild TensorFlow"
    r"|E\d{4} .* cuda_\w+\.cc:\d+\] failed call to cuInit"
)
_STREAMS = {1: "stdout", 2: "stderr"}


@contextmanager
def real_stdout() -> Iterator[TextIO]:
    """Standard output as it is now, which stays reachable inside `captured`."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8", errors="replace") as stream:
        yield stream


@contextmanager
def captured(log: Path, on_line: Callable[[str], None]) -> Iterator[None]:
    """Send file descriptors 1 and 2 to the end of `log`, and each line to `on_line` (in another thread).

    What TensorFlow prints while it is loaded is in the log only.
    """
    log.parent.mkdir(parents=True, exist_ok=True)

    def keep(line: str) -> None:
        file.write(line)
        file.flush()
        if not is_noise(line):
            on_line(line.rstrip("\n"))

    with log.open("a", encoding="utf-8") as file, _redirected((1, 2), keep):
        yield


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Leave out of stderr what TensorFlow prints while it is loaded."""
    with os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as stderr:

        def forward(line: str) -> None:
            if not is_noise(line):
                stderr.write(line)
                stderr.flush()

        with _redirected((2,), forward):
            yield


def is_noise(line: str) -> bool:
    """Whether a line is one of TensorFlow's greetings, and no news."""
    return _NOISE.match(line) is not None


@contextmanager
def _redirected(descriptors: tuple[int, ...], on_line: Callable[[str], None]) -> Iterator[None]:
    _flush()
    saved = [os.dup(number) for number in descriptors]
    streams = sys.stdout, sys.stderr
    reading, writing = os.pipe()
    reader = threading.Thread(target=_read, args=(reading, on_line), daemon=True)
    reader.start()
    for number in descriptors:
        os.dup2(writing, number)
        # Whoever has replaced sys.stdout need not write to the descriptor 1.
        stream = open(number, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
        setattr(sys, _STREAMS[number], stream)
    os.close(writing)
    try:
        yield
    finally:
        _flush()
        sys.stdout, sys.stderr = streams
        for number, copy in zip(descriptors, saved, strict=True):
            os.dup2(copy, number)
            os.close(copy)
        # A child that outlives the node may hold the pipe open; its lines are not waited for.
        reader.join(timeout=2)


def _read(descriptor: int, on_line: Callable[[str], None]) -> None:
    with os.fdopen(descriptor, encoding="utf-8", errors="replace", newline=None) as lines:
        for line in lines:
            on_line(line)


def _flush() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
