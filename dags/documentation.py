"""What Airflow's pages say of a detector's DAG and of its tasks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dags.schedule import in_words
from pipelines.spec import DetectorSpec

_TASKS = {
    "plan": "Checks and hashes every input, compiles the pipeline; all later tasks read its plan.",
    "ExampleGen": "Reads the data set, checks every image and box, writes TFRecords.",
    "ConfigValidator": "Checks pipeline.config against the model and the data, and mends what is safe.",
    "CheckpointConverter": "Converts the TF1 model, and proves that it computes the same.",
    "Trainer": "Fine-tunes the converted model; a retry goes on where the last attempt was.",
    "Evaluator": "Measures the new model against the one that serves, and blesses or refuses it.",
    "Pusher": "Publishes a blessed model in one atomic step; skipped for a refused one.",
    "summary": "Writes the run's summary and report.",
}


def dag_page(spec: DetectorSpec, path: Path) -> str:
    """The DAG's page, Markdown."""
    return (
        f"### {spec.name}\n{spec.description}\n\n"
        f"- detector file: `{path}`\n- runs: {in_words(spec)}\n"
        f"- publishes if {_gate(spec.gate)}\n"
    )


def task_page(task_id: str) -> str:
    """A task's page, Markdown."""
    return _TASKS[task_id]


def _gate(gate: Any) -> str:
    """The main rules of a gate in a line."""
    floors = {gate.metric: gate.floor, **{f"AP({name})": floor for name, floor in gate.class_floors.items()}}
    asked = [f"{name} >= {floor:g}" for name, floor in floors.items() if floor is not None]
    if gate.drop is not None:
        asked.append(f"it falls at most {gate.drop:g} below the model that serves")
    return " and ".join(asked)
