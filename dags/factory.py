"""A detector's YAML becomes an Airflow DAG; the same shape for every executor."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, CronTriggerTimetable, Param, TriggerRule

from dags.commands import GPU_NODES, START, TRIGGERED_BY, NodeCommand, OperatorFactory, yaml_variables
from dags.environment import detectors_dir
from dags.operators import BrokenDetector
from dags.rollback import rollback_dag
from pipelines.spec import DetectorSpec, SpecError

GPU_POOL = "gpu"
NODES = ("ExampleGen", "ConfigValidator", "CheckpointConverter", *GPU_NODES, "Pusher")

RUN_DIR = "{{ ti.xcom_pull(task_ids='plan')['run_dir'] }}"
OVERRIDES = (
    "{{ '--steps=%s' % params.steps if params.steps is not none else '' }}",
    "{{ '--learning-rate=%s' % params.learning_rate if params.learning_rate is not none else '' }}",
    "{{ '--span=%s' % params.span if params.span else '' }}",
    "{{ '--force' if params.force else '' }}",
)


def read_detectors() -> tuple[list[tuple[Path, DetectorSpec]], list[tuple[Path, str]]]:
    """The detector files that can be used, and the others with what is wrong with each."""
    good: dict[str, tuple[Path, DetectorSpec]] = {}
    broken: list[tuple[Path, str]] = []
    for path in sorted([*detectors_dir().glob("*.yaml"), *detectors_dir().glob("*.yml")]):
        try:
            spec = DetectorSpec.from_file(path)
            _timetable(spec, path)
            if spec.name in good:
                raise SpecError(
                    f"the name {spec.name!r} is taken by {good[spec.name][0].name}",
                    str(path),
                    "give each detector a name of its own",
                )
            good[spec.name] = (path, spec)
        except SpecError as error:
            broken.append((path, str(error)))
    return list(good.values()), broken


def dags_for(executor: str, make_operator: OperatorFactory) -> dict[str, DAG]:
    """The DAGs of the detectors that run on `executor`, by DAG id: to retrain, and to roll back."""
    dags = [
        make_dag(spec, path, make_operator)
        for path, spec in read_detectors()[0]
        for make_dag in (detector_dag, rollback_dag)
        if spec.executor == executor
    ]
    return {dag.dag_id: dag for dag in dags}


def broken_dags() -> dict[str, DAG]:
    """For each detector file that can't be used a DAG that shows the problem, and fails with it.

    An import error of Airflow's would take all DAGs of the Python file with it; this touches no other.
    """
    good, broken = read_detectors()
    dags: dict[str, DAG] = {}
    for path, problem in broken:
        dag = _broken_dag(path, problem, taken={f"retrain_{spec.name}" for _, spec in good} | dags.keys())
        dags[dag.dag_id] = dag
    return dags


def detector_dag(spec: DetectorSpec, path: Path, make_operator: OperatorFactory) -> DAG:
    """The DAG of one detector, whose file is at `path`."""
    with DAG(
        f"retrain_{spec.name}",
        description=spec.description or f"Retrain the detector {spec.name}",
        doc_md=_documentation(spec, path),
        schedule=_timetable(spec, path),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        params=trigger_params(spec),
        tags=["retrain", spec.executor],
        default_args={
            "owner": "upcycle",
            "retries": 2,
            "retry_delay": timedelta(seconds=5),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
        },
    ) as dag:
        variables = yaml_variables(path)

        def task(task_id: str, module: str, *arguments: str, **more: Any) -> BaseOperator:
            command = NodeCommand(task_id, module, arguments, variables, has_result=task_id != "summary")
            pool = {"pool": GPU_POOL} if command.uses_gpu else {}
            return make_operator(command, {"task_id": task_id, **pool, **more})

        plan = task(
            "plan",
            "pipelines.plan",
            f"--detector={path}",
            "--run-id={{ run_id }}",
            *OVERRIDES,
            TRIGGERED_BY,
            doc_md="Checks and hashes every input, compiles the pipeline; all later tasks read its plan.",
        )
        # Refused models make the Pusher "skipped", so the asset changes exactly when a version is published.
        outlets = {"Pusher": {"outlets": [Asset(f"upcycle_{spec.name}_model")]}}
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


def _broken_dag(path: Path, problem: str, taken: set[str]) -> DAG:
    """Stands for a detector file that can't be used, so that the UI shows what is wrong with it."""
    dag_id = "retrain_" + re.sub(r"[^\w.-]", "_", path.stem)
    if dag_id in taken:
        dag_id += "_broken"
    with DAG(
        dag_id,
        dag_display_name=f"{dag_id} (broken: {path.name})",
        description=problem.splitlines()[0],
        doc_md=f"**{path.name} can't be used.** Correct the file; this page follows in half a minute.\n\n"
        f"```\n{problem}\n```",
        schedule=None,
        start_date=START,
        catchup=False,
        tags=["retrain", "broken"],
    ) as dag:
        BrokenDetector(task_id="detector_file", problem=problem, retries=0)
    return dag


def trigger_params(spec: DetectorSpec) -> dict[str, Param]:
    """The fields of the trigger form; empty means: as in the detector's file."""
    return {
        "steps": Param(
            None,
            type=["null", "integer"],
            minimum=1,
            title="Training steps",
            description=f"Empty: {spec.train.steps or 'as in pipeline.config'}",
        ),
        "learning_rate": Param(
            None,
            type=["null", "number"],
            exclusiveMinimum=0,
            title="Learning rate",
            description="The highest of the schedule. "
            f"Empty: {spec.train.learning_rate or 'as in pipeline.config'}",
        ),
        "span": Param(
            None,
            type=["null", "string"],
            maxLength=100,
            title="Span of data",
            description="Replaces {span} in the data's paths, for example 2026-11"
            if spec.data.uses_span
            else "This detector's paths have no {span}: leave it empty",
        ),
        "force": Param(
            False,
            type="boolean",
            title="Run everything anew",
            description="Ignore the cache, even where no input has changed",
        ),
    }


def _timetable(spec: DetectorSpec, path: Path) -> CronTriggerTimetable | None:
    if spec.schedule.cron is None:
        return None
    try:
        timetable = CronTriggerTimetable(spec.schedule.cron, timezone=spec.schedule.timezone)
        _check_timetable(timetable)
    except Exception as error:  # whatever the cron and time zone libraries raise
        raise SpecError(
            f"Airflow can't read the schedule {spec.schedule.cron!r} ({spec.schedule.timezone}): {error}",
            f"{path}: schedule",
            "cron is five fields, such as '0 3 * * 1'; the time zone is a name such as Europe/Berlin",
        ) from None
    return timetable


def _check_timetable(timetable: CronTriggerTimetable) -> None:
    """Raises for a bad expression now, not when the DAG is serialised (which would hit the whole file)."""
    from airflow.serialization.encoders import coerce_to_core_timetable

    coerce_to_core_timetable(timetable).validate()


def _documentation(spec: DetectorSpec, path: Path) -> str:
    when = f"`{spec.schedule.cron}` ({spec.schedule.timezone})" if spec.schedule.cron else "when triggered"
    return (
        f"### {spec.name}\n{spec.description}\n\n"
        f"- detector file: `{path}`\n- runs: {when}\n"
        f"- publishes if {_gate(spec.gate)}\n"
    )


def _gate(gate: Any) -> str:
    """The main rules of a gate in a line."""
    floors = {gate.metric: gate.floor, **{f"AP({name})": floor for name, floor in gate.class_floors.items()}}
    asked = [f"{name} >= {floor:g}" for name, floor in floors.items() if floor is not None]
    if gate.drop is not None:
        asked.append(f"it falls at most {gate.drop:g} below the model that serves")
    return " and ".join(asked)
