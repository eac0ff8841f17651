"""A run with a failed task has failed, also where Airflow's scheduler says success.

Marking a run failed sets its waiting tasks to skipped and then the run to failed, in one transaction. On
PostgreSQL that transaction and the scheduler's, which is about to queue one of these tasks, can wait for each
other; the database then ends the scheduler's, and the scheduler makes it anew without reading the run's state
again: every task has ended, the last one is skipped, so it saves success over failed. On SQLite, where no row
is locked, the same comes of bad timing alone.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.listeners import hookimpl
from airflow.utils.state import DagRunState
from sqlalchemy.orm import object_session

PREFIXES = ("retrain_", "rollback_")  # of the DAGs that this is true of
BY_THE_SCHEDULER = "success"  # its message; a person's decision comes with another one, and stands
_log = logging.getLogger(__name__)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Airflow's scheduler calls it before it saves the state. Never raises."""
    try:
        if msg != BY_THE_SCHEDULER or not dag_run.dag_id.startswith(PREFIXES):
            return
        session = object_session(dag_run)
        failed = sorted(ti.task_id for ti in dag_run.get_task_instances(state=["failed"], session=session))
        if failed:
            dag_run.set_state(DagRunState.FAILED)
            _log.warning("run %s has failed: %s", dag_run.run_id, ", ".join(failed))
    except Exception:
        _log.exception("the failed tasks of run %s could not be read", dag_run.run_id)
