"""A detector's YAML becomes an Airflow DAG; the same shape for every executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, TriggerRule

from dags.alerts import dag_callbacks, task_callbacks
from dags.commands import NODES, START, TRIGGERED_BY, NodeCommand, OperatorFactory, literal, yaml_variables
from dags.detectors import read_detectors
from dags.documentation import dag_page, task_page
from dags.form import OVERRIDES, trigger_params
from dags.rollback import rollback_dag
from dags.schedule import model_asset, timetable
from dags.task_settings import default_arguments, task_arguments
from pipelines.spec import DetectorSpec

RUN_DIR = "{{ ti.xcom_pull(task_ids='plan')['run_dir'] }}"


def dags_for(executor: str, make_operator: OperatorFactory) -> dict[str, DAG]:
    """The DAGs of the detectors that run on `executor`, by DAG id: to retrain, and to roll back."""
    dags = [
        make_dag(spec, path, make_operator)
        for path, spec in read_detectors()[0]
        for make_dag in (detector_dag, rollback_dag)
        if spec.executor == executor
    ]
    return {dag.dag_id: dag for dag in dags}


def detector_dag(spec: DetectorSpec, path: Path, make_operator: OperatorFactory) -> DAG:
    """The DAG of one detector, whose file is at `path`."""
    with DAG(
        f"retrain_{spec.name}",
        description=spec.description or f"Retrain the detector {spec.name}",
        doc_md=dag_page(spec, path),
        schedule=timetable(spec, path),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=trigger_params(spec),
        tags=["retrain", spec.executor],
        default_args=default_arguments(spec) | task_callbacks(spec, path),
        **dag_callbacks(spec, path),
    ) as dag:
        variables = yaml_variables(path)

        def task(task_id: str, module: str, *arguments: str, **more: Any) -> BaseOperator:
            command = NodeCommand(
                task_id, module, arguments, spec, variables, has_result=task_id != "summary"
            )
            common = {"task_id": task_id, "doc_md": task_page(task_id)}
            return make_operator(command, common | task_arguments(spec, task_id, command.uses_gpu) | more)

        plan = task(
            "plan",
            "pipelines.plan",
            f"--detector={literal(str(path))}",
            "--run-id={{ run_id }}",
            *OVERRIDES,
            TRIGGERED_BY,
        )
        # Refused models make the Pusher "skipped", so the asset changes exactly when a version is published.
        outlets = {"Pusher": {"outlets": [model_asset(spec)]}}
        node = {
            name: task(
                name, "pipelines.run_node", f"--plan={RUN_DIR}", f"--node={name}", **outlets.get(name, {})
            )
            for name in NODES
        }
        summary = task(
            "summary", "pipelines.summary", f"--plan={RUN_DIR}", trigger_rule=TriggerRule.NONE_FAILED
        )
        plan >> [node["ExampleGen"], node["ConfigValidator"]]
        node["ConfigValidator"] >> node["CheckpointConverter"]
        [node["ExampleGen"], node["CheckpointConverter"]] >> node["Trainer"]
        node["Trainer"] >> node["Evaluator"] >> node["Pusher"] >> summary
    return dag
