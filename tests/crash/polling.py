"""A reader that looks again and again while publishers are killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def polling(look: Callable[[], int | None], pause: float) -> Iterator[list[int | None]]:
    """Calls `look` from another thread; what it saw is in the list, and its failure is raised at the end."""
    seen: list[int | None] = []
    problems: list[BaseException] = []
    stop = threading.Event()

    def poll() -> None:
        try:
            while not stop.is_set():
                seen.append(look())
                time.sleep(pause)
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield seen
    finally:
        stop.set()
        thread.join()
    assert not problems, problems
