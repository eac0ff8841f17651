"""The DAG that makes an earlier version of a detector live again, from the UI or the REST API."""

from __future__ import annotations

from pathlib import Path

from airflow.sdk import DAG, Param

from dags.alerts import failure_callback
from dags.commands import START, TRIGGERED_BY, NodeCommand, OperatorFactory, yaml_variables
from dags.task_settings import default_arguments
from pipelines.spec import DetectorSpec


def rollback_dag(spec: DetectorSpec, path: Path, make_operator: OperatorFactory) -> DAG:
    """The rollback of the detector whose file is at `path`: one atomic step, only when triggered."""
    with DAG(
        f"rollback_{spec.name}",
        description=f"Serve an earlier version of {spec.name} again",
        doc_md=f"### Roll back {spec.name}\nMakes a published version live in one atomic step; the one that "
        "was live stays on disk. The history keeps who did it and why.",
        schedule=None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params={
            "version": Param(type="integer", minimum=1, title="Version", description="The version to serve"),
            "why": Param(
                type="string", minLength=1, maxLength=500, title="Why", description="For the history"
            ),
        },
        tags=["rollback", spec.executor],
        default_args=default_arguments(spec) | failure_callback(spec, path),
    ) as dag:
        arguments = (
            "rollback",
            spec.name,
            "--to={{ params.version }}",
            "--why={{ params.why }}",
            TRIGGERED_BY,
        )
        command = NodeCommand(
            "rollback", "pipelines.cli", arguments, spec, yaml_variables(path), has_result=False
        )
        make_operator(command, {"task_id": "rollback"})
    return dag
