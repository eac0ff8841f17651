"""`python -m dags.guard`: ends process groups when the process that started it dies, even by kill -9.

It reads `+GROUP` and `-GROUP` lines; at the end of its input it ends the groups that are left.
PR_SET_PDEATHSIG reaches direct children alone, and a scheduler waits at SIGTERM for its workers' tasks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Collection, Iterable

GRACE_SECONDS = 8.0  # a task runner gives its node 3 s to save its work, and Airflow both 5 s


def end_groups(groups: Collection[int], grace: float) -> None:
    """TERM to all processes of the groups, `grace` seconds for them to end, then KILL."""
    signal_groups(groups, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(map(group_exists, groups)) and time.monotonic() < deadline:
        time.sleep(0.1)
    signal_groups(groups, signal.SIGKILL)


def signal_groups(groups: Iterable[int], number: signal.Signals) -> None:
    """Sends a signal to the groups that are still there."""
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


def group_exists(group: int) -> bool:
    """Whether a process group has members."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    """Guards until its input ends."""
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
    end_groups(groups, GRACE_SECONDS)


if __name__ == "__main__":
    main()
