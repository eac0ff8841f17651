"""What the container executors share. One rule makes it simple: a folder has the same path everywhere.

UPCYCLE_HOME, the detectors' folder and the data are mounted in a node's container where Airflow sees them,
so a path in a plan is right on both sides.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dags.commands import NodeCommand
from dags.environment import WITHHELD, detectors_dir, upcycle_home

# Beside the variables that the detector's YAML uses; either may hold a password.
_INHERITED = ("UPCYCLE_METADATA_URL", "UPCYCLE_BEAM_ARGS")


def image(command: NodeCommand) -> str:
    """The image with the ML environment: the detector's, else $UPCYCLE_ML_IMAGE."""
    return command.spec.containers.image or os.environ.get("UPCYCLE_ML_IMAGE") or "upcycle-ml:latest"


def gpus(command: NodeCommand) -> int:
    """How many GPUs a node's container gets: -1 for all, 0 for none. Only training and evaluation get any.

    It is the detector's number, else $UPCYCLE_GPUS. Raises ValueError if that is no number.
    """
    if not command.uses_gpu:
        return 0
    if command.spec.containers.gpus is not None:
        return command.spec.containers.gpus
    value = os.environ.get("UPCYCLE_GPUS") or "0"
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"UPCYCLE_GPUS is {value!r}; fix: a whole number of GPUs, or -1 for all") from None


def settings() -> dict[str, str]:
    """The variables of every node's container that are no secret."""
    return {
        "UPCYCLE_HOME": str(upcycle_home()),
        "UPCYCLE_DETECTORS": str(detectors_dir()),
        "PYTHONUNBUFFERED": "1",
    }


def inherited(variables: Iterable[str]) -> list[str]:
    """Names of the variables of this process that a node needs too: `variables` of its detector's YAML.

    Their values may be secret.
    """
    names = {*_INHERITED, *variables} - settings().keys() - WITHHELD
    return sorted(name for name in names if os.environ.get(name))


def hidden_folder() -> str | None:
    """Airflow's home, if it is in UPCYCLE_HOME: its keys, passwords and database are not for nodes."""
    home = os.environ.get("AIRFLOW_HOME")
    return home if home and Path(home).is_relative_to(upcycle_home()) else None


def fingerprint(image: str, arguments: Sequence[str]) -> str:
    """Tells whether a container that an earlier attempt left behind does what this one would do."""
    return hashlib.sha256(json.dumps([image, *arguments]).encode()).hexdigest()[:16]
