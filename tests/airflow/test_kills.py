"""Kills of every process of a real Airflow while nodes run, and what becomes of the run.

In each case nothing is left of the killed attempt, no attempt runs beside another, and the run ends right.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text

from tests.airflow.harness import DATABASE
from tests.airflow.processes import is_alive, left_running

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow

NODES = ("ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher")
FOREVER = 600


class Attempt:
    """A node that was told to hang, and does."""

    def __init__(self, airflow: Airflow, run_id: str, node: str, number: int = 1) -> None:
        def started() -> bool:
            return len([c for c in airflow.calls(node, run_id) if "beside" in c]) >= number

        def helps() -> list[dict[str, Any]]:
            return [c for c in airflow.calls(node) if "helper" in c and is_alive(c["helper"])]

        airflow.wait_for(started, 300, what=f"attempt {number} at {node}")
        [helper] = airflow.wait_for(helps, 60, what=f"the helper of {node}")
        self.pid = [c for c in airflow.calls(node, run_id) if "beside" in c][-1]["pid"]
        self.helper = helper["helper"]
        # The node's parent is the task runner, whose parent is the worker.
        processes = airflow.processes()
        leader = processes[self.pid]
        while leader.pid != leader.group or leader.parent not in processes:
            leader = processes[leader.parent]
        self.group = leader.group
        self.runner = leader.parent
        self.worker = processes[self.runner].parent
        assert "LocalExecutor" in processes[self.worker].command

    def wait_for_end(self, airflow: Airflow) -> None:
        """Waits until nothing of it runs: the node, its helper, its process group, its task runner."""
        airflow.wait_for(lambda: not is_alive(self.pid), 30, f"end of the node {self.pid}")
        airflow.wait_for(lambda: not is_alive(self.helper), 30, f"end of its helper {self.helper}")
        airflow.wait_for(lambda: not is_alive(self.runner), 30, f"end of the task runner {self.runner}")
        of_group = [p for p in airflow.processes().values() if p.group == self.group]
        assert of_group == []


def assert_no_attempt_beside_another(airflow: Airflow, run_id: str, **attempts: int) -> None:
    """And as many attempts as expected; one where nothing is said."""
    calls = [call for call in airflow.calls(run_id=run_id) if "beside" in call]
    assert [call for call in calls if call["beside"]] == []
    made = {node: sum(call["node"] == node for call in calls) for node in NODES[:-1]}
    assert made == dict.fromkeys(NODES[:-1], 1) | attempts


def test_clear_a_running_task(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("clear")
    airflow.steer("ExampleGen", sleep=FOREVER)
    run_id = airflow.trigger(dag_id)
    attempt = Attempt(airflow, run_id, "ExampleGen")
    airflow.release()
    airflow.clear(dag_id, run_id, "ExampleGen")
    attempt.wait_for_end(airflow)
    assert airflow.finished(dag_id, run_id) == "success"
    assert_no_attempt_beside_another(airflow, run_id, ExampleGen=2)


def test_mark_a_running_task_failed(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("mark-task")
    airflow.steer("ExampleGen", sleep=FOREVER)
    run_id = airflow.trigger(dag_id)
    attempt = Attempt(airflow, run_id, "ExampleGen")
    airflow.mark_task(dag_id, run_id, "ExampleGen", "failed")
    attempt.wait_for_end(airflow)
    assert airflow.finished(dag_id, run_id) == "failed"
    states = {name: task["state"] for name, task in airflow.tasks(dag_id, run_id).items()}
    assert states["ExampleGen"] == "failed" and states["Trainer"] == "upstream_failed"
    assert [c["node"] for c in airflow.calls(run_id=run_id)].count("ExampleGen") == 1


def test_mark_a_run_failed(airflow: Airflow) -> None:
    dag_id = airflow.add_detector("mark-run")
    airflow.steer("ExampleGen", sleep=FOREVER)
    run_id = airflow.trigger(dag_id)
    attempt = Attempt(airflow, run_id, "ExampleGen")
    airflow.mark_run(dag_id, run_id, "failed")
    attempt.wait_for_end(airflow)
    assert airflow.state(dag_id, run_id) == "failed"
    states = {name: task["state"] for name, task in airflow.tasks(dag_id, run_id).items()}
    assert states["ExampleGen"] == "failed"
    assert not {"running", "queued", "scheduled", "up_for_retry"} & set(states.values())
    assert "Trainer" not in [call["node"] for call in airflow.calls(run_id=run_id)]


def test_mark_a_run_failed_while_the_scheduler_queues_a_task(
    airflow: Airflow, airflow_database: dict[str, str]
) -> None:
    """The two wait for each other, PostgreSQL ends the scheduler's transaction, and it is made anew.

    Left alone, Airflow 3.3.2 then says success: the scheduler doesn't read the run's state again.
    """
    url = airflow_database.get(DATABASE)
    if url is None:
        pytest.skip("SQLite locks no rows")
    dag_id = airflow.add_detector("mark-beside")
    airflow.steer("ExampleGen", sleep=FOREVER)
    airflow.steer("ConfigValidator", sleep=FOREVER)
    run_id = airflow.trigger(dag_id)
    attempt = Attempt(airflow, run_id, "ExampleGen")
    Attempt(airflow, run_id, "ConfigValidator")
    engine = create_engine(url)
    ours = " WHERE run_id = :run_id AND "
    with engine.begin() as marking:  # what the REST API does, with a pause in the middle
        name = {"run_id": run_id}
        marking.execute(text(f"UPDATE task_instance SET state = 'skipped'{ours}state IS NULL"), name)
        airflow.mark_task(dag_id, run_id, "ConfigValidator", "success")
        with engine.connect() as other:
            waits = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            airflow.wait_for(lambda: other.execute(waits).scalar(), 60, "the scheduler waits")
        marking.execute(text(f"UPDATE dag_run SET state = 'failed'{ours}true"), name)
        marking.execute(text(f"UPDATE task_instance SET state = 'failed'{ours}state = 'running'"), name)
    engine.dispose()
    attempt.wait_for_end(airflow)
    log = Path(airflow.home) / ".airflow" / "service-logs" / "scheduler.log"
    corrected = f"run {run_id} has failed: ExampleGen"
    airflow.wait_for(lambda: corrected in log.read_text(encoding="utf-8"), 30, corrected)
    assert airflow.state(dag_id, run_id) == "failed"
    assert airflow.tasks(dag_id, run_id)["CheckpointConverter"]["state"] == "skipped"


def test_kill_the_dag_processor(airflow: Airflow) -> None:
    airflow.kill_service("dag-processor")
    airflow.wait_for(lambda: airflow.has_said("dag-processor ended with -9; it starts again"), 30)
    dag_id = airflow.add_detector("after-the-kill")  # waits until it is known
    assert dag_id in airflow.dags()


@pytest.mark.timeout(1200)
def test_one_run_survives_the_kill_of_every_process(airflow: Airflow) -> None:
    """Node, task runner, worker, scheduler, API server, everything: each while another node works.

    The nodes are real ones with quick executors: their launcher, their metadata, their cache.
    """
    dag_id = add_real_detector(airflow, "mlmd-kills", retries=4)
    for node in NODES[:-1]:
        airflow.steer(node, "mlmd-kills", sleep=FOREVER)
    run_id = airflow.trigger(dag_id)

    def kill(node: str, *pids: int) -> None:
        (airflow.folder / f"mlmd-kills.{node}.json").unlink(missing_ok=True)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    # ExampleGen and ConfigValidator work side by side, so one may be hit by what is meant for the other.
    attempt = Attempt(airflow, run_id, "ExampleGen")
    kill("ExampleGen", attempt.pid)
    attempt.wait_for_end(airflow)

    attempt = Attempt(airflow, run_id, "ConfigValidator")
    kill("ConfigValidator", attempt.runner)
    attempt.wait_for_end(airflow)

    attempt = Attempt(airflow, run_id, "CheckpointConverter")
    kill("CheckpointConverter", attempt.worker)
    attempt.wait_for_end(airflow)

    attempt = Attempt(airflow, run_id, "Trainer")
    kill("Trainer", airflow.service("scheduler"))
    airflow.wait_for(lambda: airflow.has_said("scheduler ended with -9; it starts again"), 30)
    attempt.wait_for_end(airflow)

    attempt = Attempt(airflow, run_id, "Evaluator")
    kill("Evaluator", *airflow.processes())
    airflow.process.wait()
    airflow.restart()

    assert airflow.finished(dag_id, run_id, 300) == "success"
    assert_no_attempt_beside_another(airflow, run_id, **dict.fromkeys(NODES[:-1], 2))
    states = executions(airflow, "mlmd-kills", run_id)
    assert {node: found.count("COMPLETE") for node, found in states.items()} == dict.fromkeys(NODES, 1)
    assert {state for found in states.values() for state in found} <= {"COMPLETE", "FAILED"}, states


def test_kill_the_api_server(airflow: Airflow) -> None:
    """The node goes on; only after a long gap, here 25 s, does the scheduler try again, once it has ended."""
    dag_id = airflow.add_detector("api-kill", tasks={"retries": 5})
    airflow.steer("ExampleGen", hold=True)
    run_id = airflow.trigger(dag_id)
    [node] = airflow.wait_for(lambda: [call["pid"] for call in airflow.calls("ExampleGen", run_id)])
    airflow.kill_service("api-server")
    airflow.wait_for(lambda: airflow.has_said("api-server ended with -9; it starts again"), 30)
    assert is_alive(node), "it need not know"
    airflow.wait_for(airflow.answers, 240, "the API server")
    airflow.release()
    assert airflow.finished(dag_id, run_id) == "success"
    attempts = [call["beside"] for call in airflow.calls("ExampleGen", run_id)]
    assert attempts in ([False], [False, False])


@pytest.mark.slow
def test_stop_and_kill_of_the_server_itself(airflow: Airflow) -> None:
    """SIGTERM, then kill -9 of `dags.serve` alone: each ends all, and a start goes on with the run."""
    dag_id = airflow.add_detector("restart", tasks={"retries": 5})
    airflow.steer("ExampleGen", sleep=FOREVER)
    run_id = airflow.trigger(dag_id)
    Attempt(airflow, run_id, "ExampleGen")
    assert airflow.stop() == 0
    assert_all_ended(airflow)

    airflow.restart()
    Attempt(airflow, run_id, "ExampleGen", number=2)
    airflow.release()
    airflow.process.kill()
    airflow.process.wait()
    assert_all_ended(airflow)

    airflow.restart()
    assert airflow.finished(dag_id, run_id) == "success"
    calls = [call for call in airflow.calls(run_id=run_id) if call["node"] == "ExampleGen"]
    assert [call["beside"] for call in calls if "beside" in call] == [False] * 3


def add_real_detector(airflow: Airflow, name: str, retries: int) -> str:
    """A detector whose nodes are real, with data of its own; the DAG's id."""
    data = airflow.folder / f"{name}-data"
    ml(airflow, "data", str(data))
    return airflow.add_detector(
        name,
        model={"pipeline_config": str(data / "pipeline.config"), "checkpoint": str(data / "model.ckpt")},
        data={"train": str(data / "train"), "label_map": str(data / "label_map.pbtxt")},
        train={"steps": 20},
        gate={"floor": 0.0, "proof": False},
        tasks={"retries": retries},
    )


def executions(airflow: Airflow, detector: str, run_id: str) -> dict[str, list[str]]:
    """The states of the executions in ML Metadata, by node."""
    found = json.loads(ml(airflow, "executions", detector))
    return {node: [e["state"] for e in found if (e["node"], e["run"]) == (node, run_id)] for node in NODES}


def ml(airflow: Airflow, *arguments: str) -> str:
    """Runs ml_tools.py; returns what it printed."""
    from tests.airflow.harness import ROOT

    command = [str(ROOT / ".venv" / "bin" / "python"), str(ROOT / "tests" / "airflow" / "ml_tools.py")]
    return subprocess.run(
        [*command, *arguments], env=airflow.environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def assert_all_ended(airflow: Airflow) -> None:
    """No process of the server or of a node is left."""
    assert left_running(airflow.home) == {}
