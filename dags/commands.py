"""What a task of a DAG runs, whatever executes it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from airflow.sdk import BaseOperator

from pipelines.spec import DetectorSpec

# libyaml's parser: every parse of the DAG file reads all detectors
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
GPU_NODES = ("Trainer", "Evaluator")
START = datetime(2026, 1, 1, tzinfo=UTC)  # any date in the past: nothing is caught up
# Scheduled runs are nobody's; the history then names Airflow.
TRIGGERED_BY = "--triggered-by={{ dag_run.triggering_user_name or 'Airflow' }}"


@dataclass(frozen=True)
class NodeCommand:
    """One task of a detector: `python -m module arguments`, templates of which empty ones are dropped."""

    task_id: str
    module: str
    arguments: tuple[str, ...]
    spec: DetectorSpec
    variables: tuple[str, ...]  # names of environment variables that the detector's YAML uses
    has_result: bool = True

    @property
    def uses_gpu(self) -> bool:
        """Whether the task takes the GPU pool's slot."""
        return self.task_id in GPU_NODES


Hook = Callable[[Mapping[str, Any], Any], None]  # Airflow's post_execute: context and result
OperatorFactory = Callable[[NodeCommand, dict[str, Any]], BaseOperator]


def yaml_variables(path: Path) -> tuple[str, ...]:
    """Names of the environment variables that a detector's nodes need; no node sends alerts."""
    sections = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    sections.pop("alerts", None)
    return tuple(sorted(set(re.findall(r"\$\{(\w+)", json.dumps(sections, default=str)))))


def literal(text: str) -> str:
    """`text` for an argument that Airflow renders as a template, so that it comes out as it is.

    Paths and names come from files of others: what looks like Jinja in them is not to be run.
    """
    return "{{ " + repr(text) + " }}" if "{" in text else text
