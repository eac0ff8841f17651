"""Tells when no run of a detector has ended well for `alerts.silent_days` days, once for each silence.

`python -m dags.silence` looks once; it is for cron, on a machine that does not depend on Airflow.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dags import alert_message
from dags.alerts import tell
from dags.detectors import read_detectors
from dags.environment import upcycle_home
from dags.run_files import last_good_run, read_json
from pipelines.spec import DetectorSpec

STATE_FILE = Path(".alerts") / "silence.json"  # under UPCYCLE_HOME


def is_watched(spec: DetectorSpec) -> bool:
    """Whether a detector asks to be told of silence."""
    alerts = spec.alerts
    return bool(alerts.to) and alerts.silent_days is not None and "silence" in alerts.on


def tell_of_silence(now: datetime | None = None) -> list[str]:
    """Looks at every detector and tells of those that fell silent; returns their names.

    A message that no receiver took is tried again at the next look. It knows the last good run from
    the summaries under UPCYCLE_HOME, so it also speaks when nothing was started at all; a detector that
    never ran counts from when it was first seen here.
    """
    now = now or datetime.now(UTC)
    told = []
    with _state() as state:
        for path, spec in read_detectors()[0]:
            if not is_watched(spec):
                continue
            known = state.setdefault(spec.name, {"seen": now.isoformat()})
            last = last_good_run(upcycle_home() / spec.name / "plans")
            since, run_id = last or (datetime.fromisoformat(known["seen"]), None)
            days = spec.alerts.silent_days or 0
            if now - since < timedelta(days=days) or known.get("told_of") == since.isoformat():
                continue
            message = alert_message.silent(spec.name, since, run_id, days, now)
            if len(tell(spec, path, message)) < len(spec.alerts.to):
                known["told_of"] = since.isoformat()
                told.append(spec.name)
    return told


@contextmanager
def _state() -> Iterator[dict[str, Any]]:
    """What was told; one process at a time has it, and it is kept when the work is done."""
    file = upcycle_home() / STATE_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file.with_suffix(".lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = read_json(file)
        yield state
        staging = file.with_name(f".{file.name}.{os.getpid()}")
        staging.write_text(json.dumps(state, indent=2) + "\n", encoding="utf-8")
        os.replace(staging, file)


def main() -> int:
    """Looks once; returns 0."""
    for name in tell_of_silence():
        print(f"{name} is silent: told")
    return 0


if __name__ == "__main__":
    sys.exit(main())
