"""Publishes to an object store in a process of its own, which may be killed just before its Nth change."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from components.object_store.gcs import GoogleObjects
from components.object_store.s3 import S3Objects
from components.pusher.publish import publish

MANIFEST = {"detector": "signs", "run_id": "run", "fingerprint": "f", "baseline": "", "facts": {}}


def run(
    environment: dict[str, str], model: Path, destination: str, step: int, keep: int, ready: Connection
) -> None:
    """Tell `ready` and publish; `step` 0: nothing kills it, `keep` 0: all versions stay."""
    os.environ.update(environment)
    if step:
        kill_before(step)
    ready.send("ready")
    publish(model, destination, MANIFEST, warmup=b"requests", keep_versions=keep or None)


def kill_before(step: int) -> None:
    """Count writes, uploads and deletions, and die before number `step`."""
    seen = 0

    def count() -> None:
        nonlocal seen
        seen += 1
        if seen == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any) -> Any:
            count()
            return change(*arguments)

        return counting

    def one_by_one(delete: Callable[..., None]) -> Callable[..., None]:
        def deleting(self: Any, names: Iterable[str]) -> None:
            for name in names:
                count()
                delete(self, [name])

        return deleting

    for store in (S3Objects, GoogleObjects):
        store.write = counted(store.write)  # type: ignore[method-assign]
        store.upload = counted(store.upload)  # type: ignore[method-assign]
        store.delete = one_by_one(store.delete)  # type: ignore[method-assign]
