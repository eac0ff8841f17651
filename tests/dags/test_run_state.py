from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest


class Run:
    """A DAG run as Airflow's scheduler hands it to listeners."""

    def __init__(self, dag_id: str, failed: list[str]) -> None:
        self.dag_id, self.run_id, self.state = dag_id, "r 1", "success"
        self._failed = failed

    def get_task_instances(self, state: list[str], session: Any) -> list[SimpleNamespace]:
        assert state == ["failed"] and session == "the scheduler's"
        return [SimpleNamespace(task_id=task_id) for task_id in self._failed]

    def set_state(self, state: str) -> None:
        self.state = str(state)


@pytest.mark.parametrize(
    ("dag_id", "failed", "message", "state"),
    [
        ("retrain_signs", ["Trainer", "ExampleGen"], "success", "failed"),
        ("rollback_signs", ["rollback"], "success", "failed"),
        ("retrain_signs", [], "success", "success"),
        ("retrain_signs", ["Trainer"], "Dag Run's state was manually set to `success`.", "success"),
        ("anothers", ["Trainer"], "success", "success"),
    ],
)
def test_a_run_with_a_failed_task_has_failed(monkeypatch, caplog, dag_id, failed, message, state):
    from dags import run_state

    monkeypatch.setattr(run_state, "object_session", lambda run: "the scheduler's")
    run = Run(dag_id, failed)
    run_state.on_dag_run_success(run, message)
    assert run.state == state
    assert ("run r 1 has failed: ExampleGen, Trainer" in caplog.text) == (len(failed) == 2)


def test_an_error_is_logged_and_leaves_the_run_alone(caplog):
    from dags.run_state import on_dag_run_success

    run = Run("retrain_signs", ["Trainer"])
    on_dag_run_success(run, "success")  # it is of no session
    assert run.state == "success"
    assert "the failed tasks of run r 1 could not be read" in caplog.text
