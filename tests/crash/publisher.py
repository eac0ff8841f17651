"""Publishes in a process of its own; killed by SIGKILL just before its Nth change to the destination.

Arguments: model directory, destination, N (0: never), versions to keep (0: all). Prints "ready" before it
starts.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from components.pusher.publish import publish

CHANGES = {"os.mkdir", "os.rename", "os.symlink", "os.remove", "os.rmdir"}
MANIFEST = {"detector": "signs", "run_id": "run", "fingerprint": "f", "baseline": "", "facts": {}}


def kill_before(step: int, destination: str) -> None:
    """Count the changes that CPython announces to audit hooks, and die before number `step`."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        )
        syncs = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_DIRECTORY
        if event in CHANGES or ((writes or syncs) and str(arguments[0]).startswith(destination)):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    model, destination, step, keep = sys.argv[1:]
    print("ready", flush=True)
    if int(step):
        kill_before(int(step), destination)
    publish(Path(model), Path(destination), MANIFEST, warmup=b"requests", keep_versions=int(keep) or None)
