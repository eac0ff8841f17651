from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from pipelines.spec import DetectorSpec


@pytest.fixture
def spec(detectors) -> DetectorSpec:
    return DetectorSpec.from_file(detectors / "signs.yaml")


@pytest.fixture
def context(tmp_path):
    """The part of a task's context that the hook reads; the events are recorded by Airflow's own class."""
    from airflow.sdk.execution_time.context import OutletEventAccessors

    metrics = {"candidate": {"metrics": {"mAP": 0.41, "mAP_50": 0.7, "mAP_75": None}}}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    evaluator = {"outputs": {"evaluation": str(tmp_path)}}
    return {
        "outlet_events": OutletEventAccessors(),
        "ti": SimpleNamespace(xcom_pull=lambda task_ids: {"Evaluator": evaluator}[task_ids]),
        "run_id": "asset_triggered__2026",
        "dag_run": SimpleNamespace(partition_key="2026-11"),
    }


PUSHED = {"pushed": 1, "version": 4, "pushed_destination": "/serving/signs/4"}


def test_the_event_of_a_publication(spec, context):
    from airflow.sdk.execution_time.task_runner import _serialize_outlet_events

    from dags.publication import tell_of_publication

    seen = []
    hook = tell_of_publication(spec, before=lambda *given: seen.append(given))
    result = {"properties": {"pushed_model": PUSHED}}
    hook(context, result)
    assert seen == [(context, result)]
    [event] = _serialize_outlet_events(context["outlet_events"])
    assert event["dest_asset_key"]["name"] == "upcycle_signs_model"
    assert event["partition_key"] == "4"
    assert event["extra"] == {
        "run_id": "asset_triggered__2026",
        "span": "2026-11",
        "version": 4,
        "path": "/serving/signs/4",
        "mAP": 0.41,
        "mAP_50": 0.7,
    }


def test_what_isnt_known_is_left_out(spec, context):
    from airflow.sdk.execution_time.task_runner import _serialize_outlet_events

    from dags.publication import tell_of_publication

    context["ti"] = SimpleNamespace(xcom_pull=lambda task_ids: None)
    context["dag_run"] = SimpleNamespace(partition_key=None)
    tell_of_publication(spec)(context, {"node": "Pusher"})
    [event] = _serialize_outlet_events(context["outlet_events"])
    assert event["extra"] == {"run_id": "asset_triggered__2026"}
    assert event["partition_key"] == "asset_triggered__2026"  # never without a key


def test_the_pusher_has_the_hook(load_dags):
    pusher = load_dags().dags["retrain_signs"].get_task("Pusher")
    assert [asset.name for asset in pusher.outlets] == ["upcycle_signs_model"]
    assert "tell_of_publication" in pusher._post_execute_hook.__qualname__
