"""The Airflow DAG `watch_detectors`, there only when a detector sets `alerts.silent_days`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, BaseOperator

from dags.commands import START
from dags.detectors import read_detectors
from dags.silence import is_watched, tell_of_silence


class SilenceWatch(BaseOperator):
    """Tells of every detector that fell silent."""

    ui_color = "#fff3e0"

    def execute(self, context: Any) -> list[str]:
        """Returns the names of the detectors of which it was told now."""
        return tell_of_silence()


def watch_dag() -> DAG:
    """The DAG; it is not paused when it is new, for nobody would look for it."""
    with DAG(
        "watch_detectors",
        description="Tells when no run of a detector has ended well for alerts.silent_days days",
        doc_md="Each hour: is there a detector whose last good run is older than its `alerts.silent_days`? "
        "It is told of once, until a run ends well again. See docs/alerts.md.",
        schedule="@hourly",
        start_date=START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        tags=["alerts"],
    ) as dag:
        SilenceWatch(task_id="silence", retries=0, owner="upcycle")
    return dag


if any(is_watched(spec) for _, spec in read_detectors()[0]):
    watch_detectors = watch_dag()
