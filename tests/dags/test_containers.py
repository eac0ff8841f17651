from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dags.fake_docker import FakeDocker
from tests.dags.fake_kubernetes import FakeKubernetes

HOME = "/upcycle/runs"
NODES = ("ExampleGen", "ConfigValidator", "CheckpointConverter", "Trainer", "Evaluator", "Pusher")


@pytest.fixture
def dags(load_dags, detectors, detector_yaml, monkeypatch):
    """The same detector on each executor."""
    monkeypatch.setenv("UPCYCLE_HOME", HOME)
    monkeypatch.setenv("UPCYCLE_GPUS", "1")
    monkeypatch.setenv("UPCYCLE_ML_IMAGE", "upcycle-ml:7")
    monkeypatch.setenv("UPCYCLE_METADATA_URL", "postgresql://user:secret@host/db")
    for executor in ("docker", "kubernetes"):
        (detectors / f"{executor}.yaml").write_text(detector_yaml(executor, executor=executor))
    bag = load_dags()
    assert bag.import_errors == {}
    return bag.dags


def shape(dag, name: str) -> dict[str, tuple]:
    """What must not depend on the executor."""
    return {
        task.task_id: (
            sorted(task.downstream_task_ids),
            task.pool,
            task.retries,
            task.retry_delay,
            task.execution_timeout,
            task.priority_weight,
            task.trigger_rule,
            [asset.name.replace(name, "NAME") for asset in task.outlets],
            [type(link).__name__ for link in task.operator_extra_links],
        )
        for task in dag.tasks
    }


@pytest.mark.parametrize("what", ["retrain", "rollback"])
def test_the_same_shape_on_every_executor(dags, what):
    on_process, *others = (shape(dags[f"{what}_{name}"], name) for name in ("signs", "docker", "kubernetes"))
    assert others == [on_process, on_process]
    assert Path(dags[f"{what}_docker"].fileloc).name == "retrain_docker.py"
    assert Path(dags[f"{what}_kubernetes"].fileloc).name == "retrain_kubernetes.py"


def test_the_same_command_on_every_executor(dags):
    def commands(dag) -> dict[str, list[str]]:
        result = ["--result", "/airflow/xcom/return.json"]  # of Kubernetes; docker adds its own when it runs
        found = {}
        for task in dag.tasks:
            if hasattr(task, "module"):
                words = ["python", "-m", task.module, *task.arguments]
            else:
                words = [*getattr(task, "cmds", ()), *(getattr(task, "arguments", None) or task.command)]
            found[task.task_id] = words[:-2] if words[-2:] == result else words
        return found

    on_process, *others = (commands(dags[f"retrain_{name}"]) for name in ("signs", "docker", "kubernetes"))
    for name, other in zip(("docker", "kubernetes"), others, strict=True):
        written = {
            task: [word.replace(f"{name}.yaml", "signs.yaml") for word in words]
            for task, words in other.items()
        }
        assert written == on_process


def test_only_training_and_evaluation_get_a_gpu(dags):
    docker = {task.task_id for task in dags["retrain_docker"].tasks if task.device_requests}
    pods = dags["retrain_kubernetes"].tasks
    limits = {task.task_id for task in pods if "nvidia.com/gpu" in task.container_resources.limits}
    tolerations = {task.task_id for task in pods if task.tolerations}
    assert docker == limits == tolerations == {"Trainer", "Evaluator"}


def test_the_environments_image_is_the_default(dags):
    assert {task.image for task in dags["retrain_docker"].tasks} == {"upcycle-ml:7"}
    assert {task.image for task in dags["retrain_kubernetes"].tasks} == {"upcycle-ml:7"}


def test_docker_mounts_what_paths_name(dags, detectors, load_dags, monkeypatch):
    monkeypatch.setenv("UPCYCLE_DATA_DIRS", "/data/a:/data/b")
    mounts = load_dags().dags["retrain_docker"].get_task("ExampleGen").mounts
    assert [(m["Source"], m["Target"], m["ReadOnly"]) for m in mounts] == [
        (HOME, HOME, False),
        (str(detectors), str(detectors), True),
        ("/data/a", "/data/a", True),
        ("/data/b", "/data/b", True),
    ]


def test_one_executor_imports_no_provider_of_another(stub_environment, detectors, detector_yaml):
    script = (
        "import sys, importlib\n"
        "importlib.import_module(sys.argv[1])\n"
        "print(sorted({'docker', 'kubernetes', 'openlineage', 'tensorflow', 'tfx'} & set(sys.modules)))"
    )
    for name, module, found in [
        ("process", "dags.retrain", "[]"),
        ("docker", "dags.retrain", "[]"),
        ("docker", "dags.retrain_docker", "['docker']"),
        ("kubernetes", "dags.retrain_docker", "[]"),
    ]:
        (detectors / "signs.yaml").write_text(detector_yaml("signs", executor=name))
        command = [sys.executable, "-c", script, module]
        done = subprocess.run(command, env=stub_environment, capture_output=True, text=True, timeout=240)
        assert done.stdout.splitlines()[-1:] == [found], (name, module, done.stderr)


@pytest.mark.parametrize("executor", ["docker", "kubernetes"])
def test_a_whole_run_in_containers(stub_environment, detectors, detector_yaml, tmp_path, executor):
    """Rendered templates, XComs, a retry, the Pusher that skips: all of Airflow but its scheduler."""
    (detectors / "signs.yaml").write_text(detector_yaml("signs", executor=executor))
    (tmp_path / "Trainer.json").write_text(json.dumps({"exit": 1, "times": 1}))
    (tmp_path / "Pusher.json").write_text(json.dumps({"exit": 99, "times": 1}))
    python = Path(stub_environment["UPCYCLE_ML_PYTHON"])
    own = {"PATH": os.environ["PATH"], "UPCYCLE_STUB": str(tmp_path)}
    engine: FakeDocker | FakeKubernetes
    if executor == "docker":
        engine = FakeDocker(python, own)
        address = {"DOCKER_HOST": engine.url}
    else:
        engine = FakeKubernetes(python, own, tmp_path)
        address = {"AIRFLOW_CONN_KUBERNETES_DEFAULT": engine.connection()}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "dags.embedded", "retrain_signs", "--steps=3"],
            env=stub_environment | address,
            capture_output=True,
            text=True,
            timeout=500,
        )
    finally:
        engine.close()
    assert done.returncode == 0, done.stdout + done.stderr
    calls = [json.loads(line) for line in (tmp_path / "calls.jsonl").read_text().splitlines()]
    nodes = [call["node"] for call in calls if "node" in call and "environment" in call]
    assert sorted(nodes) == sorted(["plan", *NODES, "Trainer", "summary"])
    assert (calls[0]["node"], calls[0]["steps"]) == ("plan", "3")
    (plan,) = {call["plan"] for call in calls if call["node"] in NODES}  # from the first task's result
    assert plan.startswith(str(tmp_path))
    assert len(engine.created) == len(nodes)
