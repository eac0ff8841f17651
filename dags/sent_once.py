"""Sends no alert twice: Airflow may call a callback twice for one attempt, if its worker was killed."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from dags.environment import upcycle_home

FOLDER = Path(".alerts") / "sent"  # under UPCYCLE_HOME
_KEPT_SECONDS = 30 * 24 * 3600.0


def is_first(*what: str) -> bool:
    """Whether nobody has asked this about `what` in the last 30 days, in any process of this home."""
    folder = upcycle_home() / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if time.time() - old.stat().st_mtime > _KEPT_SECONDS:
            old.unlink(missing_ok=True)
    try:
        (folder / hashlib.sha256("\0".join(what).encode()).hexdigest()).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
