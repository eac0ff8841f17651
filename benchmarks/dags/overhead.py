"""What does a retraining's DAG cost beside its nodes' work? Run it with the Airflow environment's Python.

Ours: the DAG of a detector whose nodes do nothing (the tests' stub, a Python that starts and ends). Peer: a
DAG of the same tasks, each a Python function that does nothing. Both run in turn on one real Airflow.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.airflow.harness import Airflow, running
from tests.airflow.server import run_path

PEER = Path(__file__).with_name("peer")
LOCAL_BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
BUNDLES = [
    {"name": "dags-folder", "classpath": LOCAL_BUNDLE, "kwargs": {}},
    {"name": "peer", "classpath": LOCAL_BUNDLE, "kwargs": {"path": str(PEER)}},
]


def run(airflow: Airflow, dag_id: str) -> dict[str, float]:
    """Seconds of one run from its start to its end, and of its tasks: waiting, and working, in the mean."""
    run_id = airflow.trigger(dag_id)
    state = airflow.finished(dag_id, run_id, seconds=600)
    if state != "success":
        raise SystemExit(f"{dag_id} ended with {state}")
    found = airflow.api("GET", run_path(dag_id, run_id))
    tasks = airflow.tasks(dag_id, run_id).values()
    return {
        "run": seconds(found["start_date"], found["end_date"]),
        "working": statistics.mean(seconds(task["start_date"], task["end_date"]) for task in tasks),
        "waiting": statistics.mean(seconds(task["queued_when"], task["start_date"]) for task in tasks),
    }


def seconds(start: str, end: str) -> float:
    """From one moment of the REST API to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()


def main() -> None:
    """Print the medians of both, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        settings = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES)}
        with running(Path(folder), settings) as airflow:
            ours = airflow.add_detector("overhead")
            sides: dict[str, list[dict[str, Any]]] = {ours: [], "no_op": []}
            for dag_id in sides:
                run(airflow, dag_id)  # the first run also unpauses the DAG
            for _ in range(rounds):
                for dag_id, measured in sides.items():
                    measured.append(run(airflow, dag_id))
    print(f"{'':10s} {'ours':>8s} {'no-op':>8s} {'ratio':>6s}")
    for name in ("run", "working", "waiting"):
        mine, peer = (statistics.median(found[name] for found in measured) for measured in sides.values())
        print(f"{name:10s} {mine:7.2f}s {peer:7.2f}s {mine / peer:6.2f}")


if __name__ == "__main__":
    main()
