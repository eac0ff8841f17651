"""How long does Airflow take to make DAGs of the detector files, and a task to find its own among them?

`python -m benchmarks.dags.parse` under the Airflow environment's Python. Ours: all files of dags/ that
Airflow reads; they make two DAGs a detector, one of eight tasks with its trigger form. Peer: a Python file
with as many plain DAGs of eight EmptyOperators in a chain. Both are read and serialised as the DAG processor
does it, in a process that has Airflow imported, in turns; goals: one detector under 0.3 s, 200 under 10 s.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dags import environment

ROOT = Path(__file__).resolve().parents[2]
DETECTOR = """\
name: d{number:03d}
description: Number {number}
model:
  pipeline_config: pipeline.config
  checkpoint: model.ckpt
data:
  train: deliveries/{{span}}/train
  eval: deliveries/{{span}}/eval
  label_map: label_map.pbtxt
train:
  steps: 1000
  batch_size: 8
  learning_rate: 0.001
gate:
  metric: mAP_50
  floor: 0.3
  drop: 0.0
schedule:
  cron: "{minute} 3 * * 1"
  span: "%Y-%m-%d"
"""
PEER = """\
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

for number in range({count}):
    cron = f"{{number % 60}} 3 * * 1"
    with DAG(f"peer_{{number:03d}}", schedule=cron, start_date=datetime(2026, 1, 1)) as dag:
        tasks = [EmptyOperator(task_id=f"task_{{index}}") for index in range(8)]
        for before, after in zip(tasks, tasks[1:]):
            before >> after
    globals()[dag.dag_id] = dag
"""
OURS = [
    ROOT / "dags" / f"{name}.py"
    for name in ("retrain", "retrain_docker", "retrain_kubernetes", "watch_detectors", "broken_detectors")
]


def make_inputs(folder: Path, count: int) -> dict[str, list[Path]]:
    """Writes `count` detectors and the peer's file; returns each side's Python files."""
    (folder / "detectors").mkdir(parents=True)
    for number in range(count):
        text = DETECTOR.format(number=number, minute=number % 60)
        (folder / "detectors" / f"d{number:03d}.yaml").write_text(text, encoding="utf-8")
    peer = folder / "peer.py"
    peer.write_text(PEER.format(count=count), encoding="utf-8")
    return {"ours": OURS, "peer": [peer]}


def measure_here(files: list[Path], store: bool) -> dict[str, float]:
    """Reads `files` in this process, and serialises their DAGs if they are to be stored."""
    from airflow.dag_processing.dagbag import DagBag
    from airflow.sdk import DAG, BaseOperator  # noqa: F401  (the DAG processor has them before it forks)
    from airflow.serialization.serialized_objects import DagSerialization

    wall, processor, dags = time.perf_counter(), time.process_time(), 0
    for file in files:
        bag = DagBag(dag_folder=str(file), bundle_name="dags-folder")
        if bag.import_errors:
            raise SystemExit(str(bag.import_errors))
        dags += len(bag.dags)
        for dag in bag.dags.values() if store else ():
            DagSerialization.to_dict(dag)
    return {
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "dags": dags,
    }


def measure(folder: Path, files: list[Path], wanted: str | None) -> dict[str, float]:
    """The same in a process of its own; `wanted` is the DAG that a starting task asks for."""
    settings = environment.airflow_settings(folder / "airflow", port=8080)
    given = os.environ | settings | {"UPCYCLE_DETECTORS": str(folder / "detectors")}
    if wanted:
        given |= {"_AIRFLOW_PARSING_CONTEXT_DAG_ID": wanted}
    command = [sys.executable, "-m", "benchmarks.dags.parse", "--here", *map(str, files)]
    ran = subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True)
    if ran.returncode != 0:
        raise SystemExit(ran.stdout + ran.stderr)
    return json.loads(ran.stdout.splitlines()[-1])


def compare(name: str, folder: Path, count: int, rounds: int, wanted: dict[str, str] | None = None) -> None:
    """Prints the medians of both sides and their ratio."""
    sides = make_inputs(folder, count)
    found: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, files in sides.items():
            files = files[:1] if wanted else files  # a task reads its own file
            found[side].append(measure(folder, files, wanted[side] if wanted else None))
    median = {
        side: {key: statistics.median(one[key] for one in several) for key in several[0]}
        for side, several in found.items()
    }
    ours, peer = median["ours"], median["peer"]
    print(
        f"{name:34s} {ours['wall']:6.2f} s {peer['wall']:6.2f} s {ours['processor']:6.2f} s "
        f"{peer['processor']:6.2f} s {ours['processor'] / peer['processor']:6.2f}   "
        f"{ours['dags']:.0f}, {peer['dags']:.0f}",
        flush=True,
    )


def main() -> None:
    """Prints the table: wall and processor seconds, ours and the peer's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--here", nargs="+", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        starting = "_AIRFLOW_PARSING_CONTEXT_DAG_ID" in os.environ
        print("\n" + json.dumps(measure_here(options.here, store=not starting)))
        return
    count = options.count
    print(f"{'':34s} {'ours':>8s} {'peer':>8s} {'ours':>8s} {'peer':>8s} {'ratio':>6s}   DAGs")
    print(f"{'':34s} {'wall':>8s} {'wall':>8s} {'cpu':>8s} {'cpu':>8s} {'cpu':>6s}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compare("1 detector: read, store", folder / "one", 1, options.rounds)
        compare(f"{count} detectors: read, store", folder / "all", count, options.rounds)
        start = {"ours": "retrain_d007", "peer": "peer_007"}
        compare(f"a task's start among {count}", folder / "start", count, options.rounds, start)


if __name__ == "__main__":
    main()
