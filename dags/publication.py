"""What other DAGs learn of a publication: the event of the model's asset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dags.commands import Hook
from dags.run_files import output, properties, read_json
from dags.schedule import model_asset
from pipelines.spec import DetectorSpec


def tell_of_publication(spec: DetectorSpec, before: Hook | None = None) -> Hook:
    """A `post_execute` hook for the Pusher, after the hook `before`: the partition key is the version.

    Without one the event would have the run's key, and Airflow would start a DAG that waits for the model
    after runs with a span only, or after those without only.
    """
    asset = model_asset(spec)

    def after_pusher(context: Mapping[str, Any], result: Any = None) -> None:
        if before is not None:
            before(context, result)
        event = context["outlet_events"][asset]
        event.extra = facts = _facts(context, result)
        event.add_partitions(str(facts.get("version") or context["run_id"]))

    return after_pusher


def _facts(context: Mapping[str, Any], result: Mapping[str, Any] | None) -> dict[str, Any]:
    """Small facts of the published version; those that the nodes' results don't tell are left out."""
    published = properties(result, "pushed_model")
    evaluation = output(context["ti"].xcom_pull(task_ids="Evaluator"), "evaluation")
    candidate = read_json(evaluation / "metrics.json").get("candidate") if evaluation else None
    metrics = (candidate or {}).get("metrics") or {}
    facts = {
        "run_id": context["run_id"],
        "span": context["dag_run"].partition_key,
        "version": published.get("version"),
        "path": published.get("pushed_destination"),
        "mAP": metrics.get("mAP"),
        "mAP_50": metrics.get("mAP_50"),
    }
    return {name: value for name, value in facts.items() if value is not None}
