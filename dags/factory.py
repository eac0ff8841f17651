"""A detector's YAML becomes an Airflow DAG; the same shape for every executor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator, TriggerRule
from airflow.sdk.definitions.param import ParamsDict

from dags.alerts import task_callbacks
from dags.commands import START, TRIGGERED_BY, NodeCommand, OperatorFactory, literal, yaml_variables
from dags.detectors import read_detectors
from dags.documentation import dag_page, task_page
from dags.form import PLAN_OPTIONS, trigger_params
from dags.left_out import skip_left_out
from dags.publication import tell_of_publication
from dags.rollback import rollback_dag
from dags.schedule import model_asset, timetable
from dags.task_settings import default_arguments, task_arguments
from pipelines.spec import NODES, DetectorSpec

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
    callbacks = task_callbacks(spec, path)
    with DAG(
        f"retrain_{spec.name}",
        description=spec.description or f"Retrain the detector {spec.name}",
        doc_md=dag_page(spec, path),
        schedule=timetable(spec, path),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        tags=["retrain", spec.executor],
        default_args=default_arguments(spec) | callbacks,
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
            *PLAN_OPTIONS,
            TRIGGERED_BY,
            post_execute=skip_left_out(callbacks["post_execute"]),
        )
        # Refused models make the Pusher "skipped", so the asset changes exactly when a version is published.
        own: dict[str, dict[str, Any]] = {
            "Pusher": {
                "outlets": [model_asset(spec)],
                "post_execute": tell_of_publication(spec, callbacks["post_execute"]),
            },
            # Where the Trainer is left out, a model of an earlier run is evaluated.
            "Evaluator": {"trigger_rule": TriggerRule.NONE_FAILED},
        }
        node = {
            name: task(name, "pipelines.run_node", f"--plan={RUN_DIR}", f"--node={name}", **own.get(name, {}))
            for name in NODES
        }
        summary = task(
            "summary", "pipelines.summary", f"--plan={RUN_DIR}", trigger_rule=TriggerRule.NONE_FAILED
        )
        plan >> [node["ExampleGen"], node["ConfigValidator"]]
        node["ConfigValidator"] >> node["CheckpointConverter"]
        prepared = [node["ExampleGen"], node["CheckpointConverter"]]
        prepared >> node["Trainer"]
        [*prepared, node["Trainer"]] >> node["Evaluator"] >> node["Pusher"]
        # All that a run can end with: the others may be left out, and are skipped before anything ran.
        [node["CheckpointConverter"], node["Evaluator"], node["Pusher"]] >> summary
        # Last: Airflow copies the form into each task that comes after it, and stores every copy.
        dag.params = ParamsDict(trigger_params(spec))
    return dag
