"""Nodes in containers and pods under a real Airflow: a killed task's next attempt takes them over."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow
    from tests.dags.fake_docker import FakeDocker
    from tests.dags.fake_kubernetes import FakeKubernetes

FOLLOWED = {"docker": "following it", "kubernetes": "Reusing existing pod"}  # what the task's log says


def task_runners(airflow: Airflow) -> list[int]:
    """The processes that run tasks: the children of LocalExecutor's workers."""
    processes = airflow.processes()
    workers = {process.pid for process in processes.values() if "LocalExecutor" in process.command}
    return [p.pid for p in processes.values() if p.parent in workers and p.pid not in workers]


def test_what_a_killed_task_has_started_is_followed(
    airflow: Airflow, docker: FakeDocker, kubernetes: FakeKubernetes
) -> None:
    runs = {}
    for executor in FOLLOWED:
        airflow.steer("ExampleGen", f"on-{executor}", hold=True)
        dag_id = airflow.add_detector(f"on-{executor}", executor=executor)
        runs[executor] = dag_id, airflow.trigger(dag_id)
    for dag_id, run_id in runs.values():
        airflow.wait_for_task(dag_id, run_id, "CheckpointConverter", "success", seconds=400)
    airflow.wait_for(lambda: len(task_runners(airflow)) == 2, 60, "the two ExampleGens")
    for pid in task_runners(airflow):
        os.kill(pid, signal.SIGKILL)
    for executor, (dag_id, run_id) in runs.items():
        airflow.wait_for_task(dag_id, run_id, "ExampleGen", "running", attempt=2, seconds=400)
        airflow.wait_for(
            lambda name=executor, dag=dag_id, run=run_id: (
                FOLLOWED[name] in airflow.log(dag, run, "ExampleGen", 2)
            ),
            120,
            "the second attempt follows the first one's container",
        )
    airflow.release()
    for dag_id, run_id in runs.values():
        assert airflow.finished(dag_id, run_id, seconds=400) == "success"
        assert airflow.xcom(dag_id, run_id, "ExampleGen")["node"] == "ExampleGen"
        assert [call for call in airflow.calls(run_id=run_id) if call.get("beside")] == []
    commands = [one.body["Cmd"] for one in docker.created], [pod.base["args"] for pod in kubernetes.created]
    assert [sum("--node=ExampleGen" in command for command in made) for made in commands] == [1, 1]
    assert docker.containers == {} and kubernetes.pods == {}
