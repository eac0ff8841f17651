from __future__ import annotations

import json
from types import SimpleNamespace

import pytest


class Run:
    """A DAG run as Airflow's scheduler hands it to listeners."""

    def __init__(self, dag_id: str = "retrain_signs", note: str = "", user_id: str | None = None) -> None:
        self.dag_id, self.run_id, self.note = dag_id, "r 1", note
        self.dag_run_note = SimpleNamespace(content=note, user_id=user_id) if note else None


@pytest.fixture
def text(monkeypatch):
    from dags import run_note

    monkeypatch.setattr(run_note, "_text", lambda dag_run: "refused: too low")


def test_the_note_is_written_and_a_persons_own_stays(text):
    from dags.run_note import on_dag_run_failed, on_dag_run_success

    fresh, ours, theirs = Run(), Run(note="failed: Trainer"), Run(note="see ticket 7", user_id="anna")
    rollback = Run(dag_id="rollback_signs")
    for run in (fresh, ours, theirs, rollback):
        on_dag_run_success(run, "")
    assert [run.note for run in (fresh, ours, theirs, rollback)] == [
        "refused: too low",
        "refused: too low",
        "see ticket 7",
        "",
    ]
    fresh.note = ""
    on_dag_run_failed(fresh, "")
    assert fresh.note == "refused: too low"


def test_an_error_is_logged_and_leaves_the_run_alone(caplog):
    from dags.run_note import on_dag_run_success

    on_dag_run_success(Run(), "")  # it is in no session, so there is nothing to read
    on_dag_run_success(SimpleNamespace(dag_id="retrain_signs", run_id="r 1"), "")
    assert "the note of run r 1 could not be written" in caplog.text


@pytest.mark.parametrize(
    ("task_id", "result", "left"),
    [
        ("Evaluator", {"outputs": {"evaluation": "evaluation"}}, ["refused: mAP 0.3, 0.4 wanted"]),
        ("Evaluator", {"outputs": {}}, []),
        ("Pusher", {"properties": {"pushed_model": {"pushed": 1, "version": 3}}}, ["version 3 published"]),
        ("Pusher", None, ["not published"]),
        ("Trainer", {"outputs": {}}, []),
    ],
)
def test_what_a_task_leaves_for_the_note(tmp_path, task_id, result, left):
    from dags.run_note import XCOM_KEY, keep_note

    rules = [{"rule": "floor", "passed": False, "sentence": "mAP 0.3, 0.4 wanted"}]
    (tmp_path / "metrics.json").write_text(json.dumps({"verdict": {"blessed": False, "rules": rules}}))
    if result and result.get("outputs"):
        result = {"outputs": {"evaluation": str(tmp_path)}}
    pushed = []
    ti = SimpleNamespace(
        task_id=task_id,
        xcom_pull=lambda task_ids: result,
        xcom_push=lambda key, value: pushed.append((key, value)),
    )
    keep_note({"ti": ti})
    assert pushed == [(XCOM_KEY, text) for text in left]
