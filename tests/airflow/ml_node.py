"""Runs `-m MODULE ARGUMENTS` in the ML environment as Airflow asks for it, with steered_executors.

Plan, launcher, metadata, cache and process handling are the real ones.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "pipelines"), str(Path(__file__).parent)]


def plan_with_steered_executors() -> None:
    """Has the plan name our executors; the Pusher stays the real one."""
    from pipelines.tfx_import import import_tfx

    import_tfx()
    import steered_executors
    from tfx.dsl.components.base import executor_spec

    from pipelines import retraining

    real = retraining._components

    def steered(recipe: retraining.Recipe) -> list[Any]:
        components = real(recipe)
        for component in components[:-1]:
            executor = getattr(steered_executors, component.id)
            component.executor_spec = executor_spec.ExecutorClassSpec(executor)
        return components

    retraining._components = steered


if __name__ == "__main__":
    _, module, *arguments = sys.argv[1:]
    sys.argv[1:] = arguments
    if module == "pipelines.plan":
        plan_with_steered_executors()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
