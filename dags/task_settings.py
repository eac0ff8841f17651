"""How Airflow runs a detector's tasks: retries, time-outs, priority, pool."""

from __future__ import annotations

from typing import Any

from pipelines.spec import DetectorSpec

GPU_POOL = "gpu"


def default_arguments(spec: DetectorSpec) -> dict[str, Any]:
    """The settings of every task of a detector."""
    return {
        "owner": "upcycle",
        "retries": spec.tasks.retries,
        "retry_delay": spec.tasks.retry_delay,
        "retry_exponential_backoff": True,
        "max_retry_delay": spec.tasks.max_retry_delay,
        "priority_weight": spec.tasks.priority,
        "weight_rule": "absolute",
    }


def task_arguments(spec: DetectorSpec, task_id: str, uses_gpu: bool) -> dict[str, Any]:
    """The settings of one task beside them."""
    arguments: dict[str, Any] = {"pool": GPU_POOL} if uses_gpu else {}
    timeout = next((limit for node, limit in spec.tasks.timeouts.items() if node == task_id), None)
    return arguments | ({"execution_timeout": timeout} if timeout else {})
