"""A run's note in Airflow says how it came out: who looks at the list of runs need not open one.

Tasks of Airflow 3 can't write notes, so a task leaves the text as an XCom, and Airflow's scheduler, which
calls the two functions at the end as a plugin's listener, makes it the note.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.listeners import hookimpl

from dags.run_files import properties, verdict

XCOM_KEY = "upcycle_note"
PREFIX = "retrain_"  # of the DAGs that get a note
_LENGTH = 500
_log = logging.getLogger(__name__)


def keep_note(context: Mapping[str, Any]) -> None:
    """Callback of every task: the Evaluator leaves the verdict, the Pusher the version."""
    from dags.alert_message import verdict_line

    ti = context["ti"]
    if ti.task_id == "Evaluator":
        found = verdict(ti.xcom_pull(task_ids="Evaluator"))
        if found is not None:
            ti.xcom_push(key=XCOM_KEY, value=verdict_line(found)[:_LENGTH])
    if ti.task_id == "Pusher":
        version = properties(ti.xcom_pull(task_ids="Pusher"), "pushed_model").get("version")
        ti.xcom_push(key=XCOM_KEY, value=f"version {version} published" if version else "not published")


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Airflow's scheduler calls it when a run has ended well."""
    _write(dag_run)


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Airflow's scheduler calls it when a run has failed."""
    _write(dag_run)


def _write(dag_run: Any) -> None:
    """Sets the note, unless a person wrote one. Never raises: the run's state is being saved."""
    try:
        if not dag_run.dag_id.startswith(PREFIX):
            return
        written = dag_run.dag_run_note
        if written is not None and written.content and written.user_id is not None:
            return
        text = _text(dag_run)
        if text:
            dag_run.note = text
    except Exception:
        _log.exception("the note of run %s could not be written", dag_run.run_id)


def _text(dag_run: Any) -> str:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select
    from sqlalchemy.orm import object_session

    session = object_session(dag_run)
    if session is None:
        return ""
    rows = session.scalars(
        select(XComModel).where(
            XComModel.dag_id == dag_run.dag_id,
            XComModel.run_id == dag_run.run_id,
            XComModel.key == XCOM_KEY,
        )
    )
    left = {row.task_id: str(XComModel.deserialize_value(row)) for row in rows}
    failed = sorted(ti.task_id for ti in dag_run.get_task_instances(state=["failed"], session=session))
    parts = [f"failed: {', '.join(failed)}"] if failed else []
    parts += [left[task_id] for task_id in ("Evaluator", "Pusher") if task_id in left]
    return "; ".join(parts)
