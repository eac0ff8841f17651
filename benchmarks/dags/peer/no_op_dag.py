"""The peer of the overhead benchmark: the tasks of a retraining, each a function that does nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG


def nothing() -> None:
    """What every task does."""


with DAG("no_op", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False) as dag:
    names = (
        "plan",
        "ExampleGen",
        "ConfigValidator",
        "CheckpointConverter",
        "Trainer",
        "Evaluator",
        "Pusher",
        "summary",
    )
    task = {name: PythonOperator(task_id=name, python_callable=nothing) for name in names}
    task["plan"] >> [task["ExampleGen"], task["ConfigValidator"]]
    task["ConfigValidator"] >> task["CheckpointConverter"]
    [task["ExampleGen"], task["CheckpointConverter"]] >> task["Trainer"]
    task["Trainer"] >> task["Evaluator"] >> task["Pusher"] >> task["summary"]
