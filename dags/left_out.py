"""Skips the tasks that a run leaves out, such as the Trainer of one that only evaluates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk.exceptions import DownstreamTasksSkipped

from dags.commands import Hook


def skip_left_out(before: Hook | None = None) -> Hook:
    """A `post_execute` hook for the task `plan`, after the hook `before`.

    The tasks are skipped at once: none starts a process or waits for the GPU.
    """

    def after_plan(context: Mapping[str, Any], result: Any = None) -> None:
        if before is not None:
            before(context, result)
        # none in the result of an ML image that is older than this
        left_out = list(result.get("left_out", ()))
        if left_out:
            # what Airflow does later, where nothing is raised
            context["ti"].xcom_push(key="return_value", value=result)
            raise DownstreamTasksSkipped(tasks=left_out)

    return after_plan
