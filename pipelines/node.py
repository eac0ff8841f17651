"""One node of a plan through TFX's launcher: inputs from ML Metadata, cache, executor, outputs recorded."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from components.pusher.history import ACTOR_VARIABLE
from detection.errors import BadInput, Failed
from pipelines.data_content import is_unchanged
from pipelines.inputs import Inputs
from pipelines.metadata import connection_config
from pipelines.nodes import READS
from pipelines.plan import Plan
from pipelines.process import write_json
from pipelines.retraining import EVALUATED_MODEL, read_ir
from pipelines.tfx_import import import_tfx

RUN_ID_VARIABLE = "UPCYCLE_RUN_ID"  # read by the Pusher's executor
BEAM_ARGS = "UPCYCLE_BEAM_ARGS"  # read by ExampleGen's executor


class NodeResult(BaseModel):
    """What a node of one run left behind: `outputs` are directories, `properties` what was said of them.

    `processor_seconds` are those of the node's process and of what it started.
    """

    node: str
    cached: bool
    skipped: bool
    seconds: float
    processor_seconds: float = 0.0
    execution_id: int
    outputs: dict[str, str]
    properties: dict[str, dict[str, str | int | float]]


def run_node(plan: Plan, node: str) -> NodeResult:
    """Run one node; returns what is also in RUN_DIR/nodes/NODE.json.

    A node that already succeeded in this run is not run again. Raises BadInput or Failed from the executor as
    they are, BadInput if the node's input files were edited since the plan, and whatever else went wrong.
    """
    started, used = time.monotonic(), _processor_seconds()
    _refuse_edited_inputs(plan.inputs, node)
    set_environment(plan)
    import_tfx()
    from tfx.orchestration import metadata

    connection = metadata.Metadata(connection_config(plan.home.metadata, plan.metadata))
    execution_id = _launch(plan, node, connection)
    with connection as handle:
        result = _result(handle.store, node, execution_id, time.monotonic() - started)
    result = result.model_copy(update={"processor_seconds": round(_processor_seconds() - used, 2)})
    earlier = read_result(plan, node)
    if earlier is not None and earlier.execution_id == execution_id:
        return earlier
    write_json(result_file(plan, node), result.model_dump())
    return result


def _processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def set_environment(plan: Plan) -> None:
    """Tells the executors what isn't among their inputs, so that the cache doesn't see it.

    A variable that is set already wins over the detector's `beam_args`.
    """
    os.environ[RUN_ID_VARIABLE] = plan.run_id
    if plan.triggered_by:
        os.environ[ACTOR_VARIABLE] = plan.triggered_by
    if plan.spec.beam_args:
        os.environ.setdefault(BEAM_ARGS, shlex.join(plan.spec.beam_args))


def result_file(plan: Plan, node: str) -> Path:
    """Where a node's result is kept."""
    return Path(plan.run_dir) / "nodes" / f"{node}.json"


def read_result(plan: Plan, node: str) -> NodeResult | None:
    """What a node of this run left behind; None if it is not done."""
    file = result_file(plan, node)
    return NodeResult.model_validate_json(file.read_text(encoding="utf-8")) if file.is_file() else None


def _refuse_edited_inputs(inputs: Inputs, node: str) -> None:
    for role in READS[node]:
        content = inputs.contents.get(role)
        if content is not None and not is_unchanged(content):
            raise BadInput(
                f"{role} was edited after this run was planned",
                content.path,
                "start a new run: it plans anew",
            )


def _launch(plan: Plan, node: str, connection: Any) -> int:
    """Run the node through TFX; returns the id of its execution in ML Metadata."""
    from tfx.orchestration.local import runner_utils
    from tfx.orchestration.portable import launcher

    from pipelines.executor_operator import OPERATORS

    ir = read_ir(plan.ir_file)
    nodes = {entry.pipeline_node.node_info.id: entry.pipeline_node for entry in ir.nodes}
    if node not in nodes:
        raise BadInput(f"the plan has no node {node!r}", plan.run_dir, f"take one of: {', '.join(nodes)}")
    deployment = runner_utils.extract_local_deployment_config(ir)

    def launch(name: str) -> Any:
        return launcher.Launcher(
            pipeline_node=nodes[name],
            mlmd_connection=connection,
            pipeline_info=ir.pipeline_info,
            pipeline_runtime_spec=ir.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_executor_operators=OPERATORS,
        ).launch()

    if EVALUATED_MODEL in nodes[node].upstream_nodes:
        launch(EVALUATED_MODEL)  # no work, only a record of which model it is
    info = launch(node)
    if info is None or info.execution_id is None:
        upstream = ", ".join(nodes[node].upstream_nodes)
        raise Failed(f"{node} has no inputs yet", plan.run_dir, f"run the nodes before it first: {upstream}")
    return int(info.execution_id)


def _result(store: Any, node: str, execution_id: int, seconds: float) -> NodeResult:
    from ml_metadata import proto

    [execution] = store.get_executions_by_id([execution_id])
    state = execution.last_known_state
    if state not in (proto.Execution.COMPLETE, proto.Execution.CACHED):
        raise Failed(
            f"TFX found no inputs for {node}",
            f"execution {execution_id} in ML Metadata",
            "run the nodes before it first, in the same run",
        )
    events = [
        event for event in store.get_events_by_execution_ids([execution_id]) if event.type == event.OUTPUT
    ]
    artifacts = {
        artifact.id: artifact
        for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
    }
    keys = {event.path.steps[0].key: artifacts[event.artifact_id] for event in events}
    properties = {key: custom_properties(artifact) for key, artifact in keys.items()}
    return NodeResult(
        node=node,
        cached=state == proto.Execution.CACHED,
        skipped=properties.get("pushed_model", {}).get("pushed") == 0,
        seconds=round(seconds, 2),
        execution_id=execution_id,
        outputs={key: artifact.uri for key, artifact in keys.items()},
        properties=properties,
    )


def custom_properties(item: Any) -> dict[str, str | int | float]:
    """The custom properties of an artifact or execution as plain values; TFX's own are left out."""
    return {
        name: getattr(value, value.WhichOneof("value"))
        for name, value in item.custom_properties.items()
        if value.WhichOneof("value") in ("string_value", "int_value", "double_value")
        and not name.startswith(("tfx_", "__", "is_external", "name", "state"))
    }
