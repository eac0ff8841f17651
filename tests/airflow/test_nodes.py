"""How nodes run under a real scheduler: retries, time-outs, the GPU's pool, priorities, logs, secrets."""

from __future__ import annotations

import itertools
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.airflow.harness import PASSWORD
from tests.airflow.processes import is_alive
from tests.airflow.server import run_path

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_retries_wait_longer_each_time_and_bad_input_gets_none(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("retries", tasks={"retries": 3})
    airflow.steer("ExampleGen", "retries", exit=1, times=2)
    airflow.steer("Trainer", "retries", exit=78, times=1)
    run_id = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, run_id) == "failed"
    tasks = airflow.tasks(dag_id, run_id)
    found = {name: (tasks[name]["state"], tasks[name]["try_number"]) for name in ("ExampleGen", "Trainer")}
    assert found == {"ExampleGen": ("success", 3), "Trainer": ("failed", 1)}

    path = f"{run_path(dag_id, run_id)}/taskInstances/ExampleGen/tries"
    tries = sorted(airflow.api("GET", path)["task_instances"], key=lambda t: t["try_number"])
    waits = [(at(b["start_date"]) - at(a["end_date"])).total_seconds() for a, b in itertools.pairwise(tries)]
    assert waits[0] >= 1 and waits[1] >= 2
    assert "the label map is empty" in airflow.log(dag_id, run_id, "Trainer")
    assert "a retry can't help" in airflow.log(dag_id, run_id, "Trainer")


def test_a_node_over_its_time_ends_with_all_it_started(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("slow", tasks={"retries": 0, "timeouts": {"ExampleGen": "3s"}})
    airflow.steer("ExampleGen", "slow", sleep=600)
    run_id = airflow.trigger(dag_id)
    assert airflow.finished(dag_id, run_id) == "failed"
    assert airflow.tasks(dag_id, run_id)["ExampleGen"]["state"] == "failed"
    assert "AirflowTaskTimeout" in airflow.log(dag_id, run_id, "ExampleGen")
    started = [call[key] for call in airflow.calls("ExampleGen") for key in ("pid", "helper") if key in call]
    assert len(started) >= 1 and not [pid for pid in started if is_alive(pid)]


def test_one_at_a_time_on_the_gpu_the_greater_priority_first(airflow: Airflow) -> None:
    names = {"gpu-first": 1, "gpu-low": 1, "gpu-high": 10}
    dags = {
        name: airflow.add_detector(name, tasks={"priority": priority}) for name, priority in names.items()
    }
    airflow.steer("Trainer", "gpu-first", hold=True)
    runs = {"gpu-first": airflow.trigger(dags["gpu-first"])}
    airflow.wait_for_task(dags["gpu-first"], runs["gpu-first"], "Trainer", "running")
    runs |= {name: airflow.trigger(dags[name]) for name in ("gpu-low", "gpu-high")}
    for name in ("gpu-low", "gpu-high"):
        airflow.wait_for_task(dags[name], runs[name], "Trainer", "scheduled", seconds=240)
    pool = airflow.api("GET", "/api/v2/pools/gpu")
    assert (pool["slots"], pool["occupied_slots"]) == (1, 1)
    airflow.release()
    for name, run_id in runs.items():
        assert airflow.finished(dags[name], run_id, 240) == "success"
    tasks = {name: airflow.tasks(dags[name], runs[name]) for name in names}
    on_gpu = [tasks[name][task_id] for name in names for task_id in ("Trainer", "Evaluator")]
    spans = sorted((at(task["start_date"]), at(task["end_date"])) for task in on_gpu)
    for (_, end), (start, _) in itertools.pairwise(spans):
        assert end <= start, spans
    trained = {name: at(tasks[name]["Trainer"]["start_date"]) for name in names}
    assert sorted(trained, key=trained.__getitem__) == ["gpu-first", "gpu-high", "gpu-low"]


def test_a_line_is_in_the_log_while_the_node_runs(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("lines")
    airflow.steer("ExampleGen", "lines", print="half of it is done", sleep=600)
    run_id = airflow.trigger(dag_id)
    [pid] = airflow.wait_for(lambda: [call["pid"] for call in airflow.calls("ExampleGen", run_id)])
    airflow.wait_for(
        lambda: "half of it is done" in airflow.log(dag_id, run_id, "ExampleGen"), 30, "the line"
    )
    assert is_alive(pid), "the line came with the end of the node"


def test_no_log_holds_a_secret_that_the_detector_names(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("secret", data={"train": "data/${STORE_PASSWORD}/{span}"})
    for node in ("ExampleGen", "Trainer"):
        airflow.steer(node, "secret", print=f"store: {PASSWORD}", exit=1, times=1)
    run_id = airflow.trigger(dag_id, span=PASSWORD)
    assert airflow.finished(dag_id, run_id) == "success"
    assert "--span=***" in airflow.log(dag_id, run_id, "plan")
    assert "store: ***" in airflow.log(dag_id, run_id, "ExampleGen")
    assert PASSWORD in (airflow.folder / "calls.jsonl").read_text(encoding="utf-8"), "it never was there"
    home = Path(airflow.home) / ".airflow"
    logs = [path for folder in ("logs", "service-logs") for path in (home / folder).rglob("*.log")]
    assert len(logs) > 10
    assert [str(path) for path in logs if PASSWORD in path.read_text(errors="replace")] == []
    assert not airflow.has_said(PASSWORD)
    for task_id in ("plan", "Trainer"):
        assert len(str(airflow.xcom(dag_id, run_id, task_id))) < 1000
