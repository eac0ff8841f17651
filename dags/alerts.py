"""Who is told when a run fails, a model is refused, or nothing runs any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.spec import DetectorSpec


def task_callbacks(spec: DetectorSpec, path: Path) -> dict[str, Any]:
    """Callbacks of every task of a detector whose file is at `path`; none without an address."""
    return {}


def dag_callbacks(spec: DetectorSpec, path: Path) -> dict[str, Any]:
    """Callbacks of the detector's DAG."""
    return {}
