"""What the container executors share. One rule makes it simple: a folder has the same path everywhere.

UPCYCLE_HOME, the detectors' folder and the data are mounted in a node's container where Airflow sees them,
so a path in a plan is right on both sides.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from dags.environment import upcycle_home

# Right on the machine that Airflow runs on, wrong in a container
_HOST_ONLY = {"UPCYCLE_ML_PYTHON"}


def image() -> str:
    """The image with the ML environment: $UPCYCLE_ML_IMAGE."""
    return os.environ.get("UPCYCLE_ML_IMAGE") or "upcycle-ml:latest"


def gpus() -> int:
    """How many GPUs a training container gets: $UPCYCLE_GPUS, -1 for all, 0 (the default) for none."""
    return int(os.environ.get("UPCYCLE_GPUS") or 0)


def environment(variables: Iterable[str]) -> dict[str, str]:
    """The environment of a node's container: Upcycle's own settings and those the detector's YAML names."""
    wanted = set(variables)
    passed = {
        name: value
        for name, value in os.environ.items()
        if (name.startswith("UPCYCLE_") and name not in _HOST_ONLY) or name in wanted
    }
    return passed | {"UPCYCLE_HOME": str(upcycle_home()), "PYTHONUNBUFFERED": "1"}
