"""One attempt at a node at a time, also where Airflow believes that the one before has ended.

A worker that can't reach the API server for a while is given up by the scheduler, which starts the next
attempt before the worker hears of it and stops its own.
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

POLL_SECONDS = 0.5


@contextmanager
def one_attempt(folder: Path, name: str, waiting: Callable[[], None]) -> Iterator[int]:
    """Waits until nobody else has the lock `name`, then yields its file descriptor.

    A process that inherits the descriptor keeps the lock until it ends, however it ends. `waiting` is called
    before each wait, and may raise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / re.sub(r"[^\w.-]", "_", name), os.O_CREAT | os.O_WRONLY, 0o644)
    try:
        while not _is_taken(lock):
            waiting()
            time.sleep(POLL_SECONDS)
        yield lock
    finally:
        os.close(lock)


def _is_taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
