"""Detector files that can't be used: for each a DAG that shows what is wrong, and fails with it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from dags.commands import START
from dags.detectors import read_detectors
from dags.environment import EXIT_BAD_INPUT
from dags.operators import Outcome, observers


class BrokenDetector(BaseOperator):
    """The only task of a DAG whose detector file can't be read: says what is wrong with it."""

    ui_color = "#fce8e6"

    def __init__(self, *, problem: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def execute(self, context: Any) -> None:
        """Fails with the problem; a retry can't help."""
        for observer in observers:
            for line in self.problem.splitlines():
                observer.line(self.task_id, line)
            observer.finished(self.task_id, Outcome(EXIT_BAD_INPUT))
        raise AirflowFailException(self.problem)


def broken_dags() -> dict[str, DAG]:
    """For each detector file that can't be used a DAG that shows the problem, and fails with it.

    An import error of Airflow's would take all DAGs of the Python file with it; this touches no other.
    """
    good, broken = read_detectors()
    dags: dict[str, DAG] = {}
    for path, problem in broken:
        dag = _broken_dag(path, problem, taken={f"retrain_{spec.name}" for _, spec in good} | dags.keys())
        dags[dag.dag_id] = dag
    return dags


def _broken_dag(path: Path, problem: str, taken: set[str]) -> DAG:
    """Stands for a detector file that can't be used, so that the UI shows what is wrong with it."""
    dag_id = "retrain_" + re.sub(r"[^\w.-]", "_", path.stem)
    if dag_id in taken:
        dag_id += "_broken"
    with DAG(
        dag_id,
        dag_display_name=f"{dag_id} (broken: {path.name})",
        description=problem.splitlines()[0],
        doc_md=f"**{path.name} can't be used.** Correct the file; this page follows within a minute.\n\n"
        f"```\n{problem}\n```",
        schedule=None,
        start_date=START,
        catchup=False,
        tags=["retrain", "broken"],
    ) as dag:
        BrokenDetector(task_id="detector_file", problem=problem, retries=0)
    return dag
