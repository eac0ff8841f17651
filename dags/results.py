"""What a node says of itself in its result file, small enough for Airflow's database."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airflow.sdk.exceptions import AirflowException

MOST_TEXT = 1000  # characters of one value: folders and numbers are shorter, reports belong into files
MOST_BYTES = 16_000


def read_result(path: Path) -> dict[str, Any]:
    """The JSON object that a node wrote, made small; raises AirflowException if there is none."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AirflowException(f"the node ended well but left no readable result: {error}") from error
    if not isinstance(result, dict):
        raise AirflowException(f"the node's result is no JSON object: {result!r}")
    return made_small(result)


def made_small(result: dict[str, Any]) -> dict[str, Any]:
    """`result` with long texts cut; if it is still large, of its properties the numbers alone.

    ML Metadata and the run's folder keep all of it. Raises AirflowException if that isn't enough.
    """
    small: dict[str, Any] = _cut(result)
    if _bytes(small) > MOST_BYTES:
        small["properties"] = _numbers(small.get("properties"))
    if _bytes(small) > MOST_BYTES:
        raise AirflowException(f"the node's result has {_bytes(small)} bytes, more than {MOST_BYTES}")
    return small


def _cut(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item) for item in value]
    if isinstance(value, str) and len(value) > MOST_TEXT:
        return value[: MOST_TEXT - 1] + "…"
    return value


def _numbers(value: Any) -> Any:
    if not isinstance(value, dict):
        return {}
    kept = {key: _numbers(item) if isinstance(item, dict) else item for key, item in value.items()}
    return {key: item for key, item in kept.items() if isinstance(item, int | float | dict)}


def _bytes(value: Any) -> int:
    return len(json.dumps(value).encode())
