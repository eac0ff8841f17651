from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dags.receiver import Receiver

ROOT = Path(__file__).resolve().parents[2]
HASH = {role: f"{number}" * 64 for number, role in enumerate(("train", "label_map", "checkpoint"), 1)}
RUN_AFTER = "2026-01-01T00:00:00+00:00"
CHANNELS = {"model": ("Trainer", "model"), "examples": ("ExampleGen", "examples")}


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """What the plan and the nodes of a run left, where the stub has the run at RUN_AFTER."""
    folder = tmp_path / "runs" / "signs" / f"manual__{RUN_AFTER}"
    (folder / "nodes").mkdir(parents=True)
    contents = {role: {"path": f"/data/{role}", "sha256": sha256} for role, sha256 in HASH.items()}
    contents["train"]["path"] = "gs://bucket/data/train"
    plan = {"inputs": {"contents": contents}, "baseline": "/serving/versions/2"}
    (folder / "plan.json").write_text(json.dumps(plan))
    inputs = {
        key: {"channels": [{"producer_node_query": {"id": node}, "output_key": output}]}
        for key, (node, output) in CHANNELS.items()
    }
    nodes = [{"pipeline_node": {"node_info": {"id": "Evaluator"}, "inputs": {"inputs": inputs}}}]
    (folder / "pipeline.json").write_text(json.dumps({"nodes": nodes}))
    made = {name: tmp_path / name for name in ("examples", "schema", "model", "evaluation", "version")}
    for place in made.values():
        place.mkdir()
    features = [("image/encoded", "BYTES"), ("image/height", "INT")]
    schema = [f'feature {{\n  name: "{name}"\n  type: {kind}\n}}\n' for name, kind in features]
    (made["schema"] / "schema.pbtxt").write_text("".join(schema))
    verdict = {"blessed": True, "rules": [{"passed": True, "sentence": "passed: mAP@0.5 0.980"}]}
    metrics = {"verdict": verdict, "candidate": {"metrics": {"mAP": 0.7, "mAP_50": 0.98, "mAP_75": 0.8}}}
    (made["evaluation"] / "metrics.json").write_text(json.dumps(metrics))
    (made["version"] / "manifest.json").write_text(json.dumps({"content_hash": "9" * 64}))
    pushed = {"pushed": 1, "version": 3, "pushed_destination": str(made["version"])}
    outputs = {
        "ExampleGen": ["examples", "schema"],
        "Trainer": ["model"],
        "Evaluator": ["evaluation"],
        "Pusher": [],
    }
    for node, names in outputs.items():
        result = {"outputs": {name: str(made[name]) for name in names}}
        result["properties"] = {"pushed_model": pushed} if node == "Pusher" else {}
        (folder / "nodes" / f"{node}.json").write_text(json.dumps(result))
    return folder


def lineage(run_dir: Path, node: str, when: str = "complete"):
    from dags.operators import NodeOperator

    operator = NodeOperator(task_id=node, module="m", arguments=["", f"--plan={run_dir}", f"--node={node}"])
    method = getattr(operator, f"get_openlineage_facets_on_{when}")
    return method() if when == "start" else method(None)


def names(datasets) -> list[tuple[str, str]]:
    return [(dataset.namespace, dataset.name) for dataset in datasets]


def test_a_nodes_inputs_and_outputs(run_dir, tmp_path):
    found = lineage(run_dir, "ExampleGen")
    assert names(found.inputs) == [("gs://bucket", "data/train"), ("file", "/data/label_map")]
    assert [d.facets["version"].datasetVersion for d in found.inputs] == [HASH["train"], HASH["label_map"]]
    assert names(found.outputs) == [("file", str(tmp_path / name)) for name in ("examples", "schema")]
    fields = found.outputs[0].facets["schema"].fields
    assert [(field.name, field.type) for field in fields] == [
        ("image/encoded", "BYTES"),
        ("image/height", "INT"),
    ]


def test_the_evaluation_says_what_the_model_reached(run_dir, tmp_path):
    found = lineage(run_dir, "Evaluator")
    upstream = [("file", str(tmp_path / name)) for name in ("model", "examples")]
    assert names(found.inputs) == [("file", "/serving/versions/2"), *upstream]
    facet = found.outputs[0].facets["upcycle_evaluation"]
    assert (facet.mAP_50, facet.blessed, facet.reasons) == (0.98, True, ["passed: mAP@0.5 0.980"])


def test_a_published_version_has_its_hash_and_metrics(run_dir, tmp_path):
    (version,) = lineage(run_dir, "Pusher").outputs
    assert version.name == str(tmp_path / "version")
    assert version.facets["version"].datasetVersion == "9" * 64
    assert version.facets["documentation"].description == "version 3"
    assert version.facets["upcycle_evaluation"].mAP == 0.7


@pytest.mark.parametrize("when", ["start", "failure"])
def test_before_its_end_a_node_has_inputs_only(run_dir, when):
    found = lineage(run_dir, "CheckpointConverter", when)
    assert names(found.inputs) == [("file", "/data/checkpoint")] and found.outputs == []


def test_a_task_without_a_plan_has_none(tmp_path):
    from dags.operators import NodeOperator

    operator = NodeOperator(task_id="plan", module="m", arguments=["--detector=x"])
    assert operator.get_openlineage_facets_on_complete(None).inputs == []
    assert lineage(tmp_path / "gone", "Trainer").outputs == []


def test_nodes_read_what_the_plan_says_they_read():
    from dags import lineage_events
    from pipelines import nodes

    assert lineage_events.READS is nodes.READS and set(nodes.READS) == set(nodes.NODES)


def run_in_process(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """One run of the real DAG; the nodes are stubs."""
    script = (
        "import sys; from datetime import datetime; from dags import environment\n"
        "environment.apply(environment.airflow_settings(environment.upcycle_home() / 'airflow', port=8080))\n"
        "from airflow.dag_processing.dagbag import DagBag; from airflow.utils.db import initdb\n"
        "initdb()\n"
        "from dags import embedded; embedded._add_pools()\n"
        "bag = DagBag(dag_folder=str(environment.ROOT / 'dags'), bundle_name='dags-folder')\n"
        f"run = bag.dags['retrain_signs'].test(run_after=datetime.fromisoformat('{RUN_AFTER}'))\n"
        "print('provider', 'airflow.providers.openlineage.plugins.listener' in sys.modules)\n"
        "sys.exit(run.state != 'success')"
    )
    return subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=400
    )


def test_events_of_a_real_run_in_a_file_and_over_http(stub_environment, run_dir, tmp_path):
    receiver, events_file = Receiver(), tmp_path / "events.jsonl"
    transports = {
        "file": {"type": "file", "log_file_path": str(events_file), "append": True},
        "http": {"type": "http", "url": f"http://127.0.0.1:{receiver.port}"},
    }
    transport = {"type": "composite", "transports": transports}
    (tmp_path / "Evaluator.json").write_text(json.dumps({"exit": 78, "times": 1}))
    done = run_in_process(stub_environment | {"AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport)})
    assert done.returncode != 0 and "provider True" in done.stdout, done.stdout + done.stderr
    receiver.close()
    events = [json.loads(line) for line in events_file.read_text().splitlines()]
    assert {(e["eventType"], e["job"]["name"]) for e in receiver.messages} == {
        (e["eventType"], e["job"]["name"]) for e in events
    }
    assert set(receiver.paths) == {"/api/v1/lineage"}
    by_task: dict[str, list[dict]] = {}
    for event in events:
        by_task.setdefault(event["job"]["name"].rpartition(".")[2], []).append(event)
    states = {task: [event["eventType"] for event in found] for task, found in by_task.items()}
    assert states["ExampleGen"] == ["START", "COMPLETE"] and states["Evaluator"] == ["START", "FAIL"]
    start, complete = by_task["ExampleGen"]
    expected = [("gs://bucket", "data/train"), ("file", "/data/label_map")]
    for event in (start, complete):
        assert [(d["namespace"], d["name"]) for d in event["inputs"]] == expected
    assert complete["inputs"][0]["facets"]["version"]["datasetVersion"] == HASH["train"]
    assert [d["name"] for d in complete["outputs"]] == [str(tmp_path / n) for n in ("examples", "schema")]
    (_, failed) = by_task["Evaluator"]
    assert str(tmp_path / "model") in [d["name"] for d in failed["inputs"]] and failed["outputs"] == []


def test_without_a_transport_the_provider_stays_out(stub_environment, run_dir):
    done = run_in_process(stub_environment)
    assert done.returncode == 0 and "provider False" in done.stdout, done.stdout + done.stderr
