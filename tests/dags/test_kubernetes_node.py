from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dags.fake_kubernetes import FakeKubernetes, Pod
from tests.dags.stub import calls, steer_trainer
from tests.dags.task_runner import Attempt, TaskRunner, attempts

RESULT = {"node": "Trainer", "cached": False, "seconds": 0.1, "outputs": {}}


@pytest.fixture
def cluster(stub_environment: dict[str, str], tmp_path: Path) -> Iterator[FakeKubernetes]:
    own = {"PATH": os.environ["PATH"], "UPCYCLE_STUB": str(tmp_path)}
    cluster = FakeKubernetes(Path(stub_environment["UPCYCLE_ML_PYTHON"]), own, tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture(scope="module")
def runner(airflow_in_tmp: None) -> Iterator[TaskRunner]:
    runner = TaskRunner("kubernetes")
    yield runner
    runner.close()


@pytest.fixture
def attempt(
    runner: TaskRunner,
    stub_environment: dict[str, str],
    cluster: FakeKubernetes,
    detectors: Path,
    detector_yaml: Callable[..., str],
) -> Iterator[Callable[..., Attempt]]:
    """Starts an attempt at the Trainer."""
    detector = detectors / "signs.yaml"
    detector.write_text(detector_yaml("signs", executor="kubernetes"))
    environment = stub_environment | {"AIRFLOW_CONN_KUBERNETES_DEFAULT": cluster.connection(), "BUCKET": "b"}
    with attempts(runner, detector, environment) as start:
        yield start


def until(condition: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError("not in time")


def works(cluster: FakeKubernetes) -> Pod:
    """The first pod, once its node works."""
    until(lambda: cluster.created and cluster.created[0].output)
    return cluster.created[0]


def test_a_node_runs_and_hands_back_its_result(attempt, cluster, tmp_path):
    one = attempt(UPCYCLE_METADATA_URL="postgresql://kim:secret@host/db", SOME_TOKEN="t")
    assert one.outcome() == {"result": RESULT}
    assert "Trainer works" in one.log  # its output is the task's log
    (call,) = calls(tmp_path)
    assert (call["module"], call["plan"], call["node"]) == ("pipelines.run_node", "/p", "Trainer")
    assert not [name for name in call["environment"] if name.startswith("AIRFLOW") or name == "SOME_TOKEN"]
    pod = cluster.created[0].body
    assert "secret@host" not in json.dumps(pod) + one.log
    assert (
        pod["metadata"]["labels"].items()
        >= {
            "dag_id": "retrain_signs",
            "task_id": "Trainer",
            "run_id": pod["metadata"]["labels"]["run_id"],
            "try_number": "1",
        }.items()
    )
    assert cluster.pods == {}


@pytest.mark.parametrize(
    ("exit_code", "exception"),
    [(78, "AirflowFailException"), (99, "AirflowSkipException"), (1, "AirflowException")],
)
def test_exit_codes(attempt, cluster, tmp_path, exit_code, exception):
    steer_trainer(tmp_path, exit=exit_code, times=1)
    outcome = attempt().outcome()
    assert outcome["error"] == exception
    assert "the label map is empty\n  where: label_map.pbtxt\n  fix:   add items" in outcome["message"]
    assert cluster.pods == {}


def test_the_attempt_after_a_killed_worker_follows_the_running_pod(attempt, cluster, tmp_path):
    steer_trainer(tmp_path, sleep=8)
    first = attempt()
    pod = works(cluster)
    first.kill()
    assert pod.exit_code is None
    second = attempt()
    assert second.outcome() == {"result": RESULT}
    assert "Trainer works" in second.log
    assert cluster.created == [pod] and cluster.pods == {}


@pytest.mark.parametrize("exit_code", [0, 78])
def test_what_ended_meanwhile_is_not_run_again(attempt, cluster, tmp_path, exit_code):
    steer_trainer(tmp_path, sleep=2, exit=exit_code, times=int(exit_code > 0))
    first = attempt()
    pod = works(cluster)
    first.kill()
    assert pod.wait(240)  # the sidecar keeps the pod, with its result, until somebody has read it
    outcome = attempt().outcome()
    assert outcome.get("error") == ("AirflowFailException" if exit_code else None)
    assert outcome.get("result") == (None if exit_code else RESULT)
    assert cluster.created == [pod] and cluster.pods == {}


def test_a_pod_that_was_lost_meanwhile_is_run_again(attempt, cluster, tmp_path):
    steer_trainer(tmp_path, sleep=300)
    first = attempt()
    pod = works(cluster)
    first.kill()
    pod.kill(signal.SIGKILL)
    pod.sidecar_runs = False  # its machine went down
    assert pod.wait(60)
    steer_trainer(tmp_path)
    assert attempt().outcome() == {"result": RESULT}
    assert len(cluster.created) == 2 and cluster.pods == {}


def test_a_pod_with_another_command_is_ended_first(attempt, cluster, tmp_path):
    steer_trainer(tmp_path, sleep=300)
    first = attempt()
    old = works(cluster)
    first.kill()
    steer_trainer(tmp_path)
    second = attempt("--plan=/p~2", "--node=Trainer")
    assert second.outcome() == {"result": RESULT}
    assert old.exit_code == 1 and len(cluster.created) == 2 and cluster.pods == {}


def test_a_cleared_task_waits_for_the_end_of_its_pod(attempt, cluster, tmp_path):
    steer_trainer(tmp_path, sleep=300)
    first = attempt()
    old = works(cluster)
    steer_trainer(tmp_path)
    old.process.send_signal(signal.SIGSTOP)  # it takes a while to save its work
    first.kill(signal.SIGTERM)
    until(lambda: old.body["metadata"].get("deletionTimestamp"))
    second = attempt()
    until(lambda: "waiting for the end of the earlier pod" in second.log)
    assert cluster.created == [old]
    old.process.send_signal(signal.SIGCONT)
    assert second.outcome() == {"result": RESULT}
    assert old.exit_code == 1 and len(cluster.created) == 2
    assert {"node": "Trainer", "signal": signal.SIGTERM} in calls(tmp_path)


def test_a_text_with_a_variables_name_stays_a_text(attempt, cluster, tmp_path):
    text = "$(UPCYCLE_METADATA_URL) $(BUCKET) $$ $x {{ ti }}"
    one = attempt("--plan=/p", "--node=Trainer", f"--why={text}", UPCYCLE_METADATA_URL="u")
    assert one.outcome() == {"result": RESULT}
    assert calls(tmp_path)[0]["why"] == text


def test_a_clusters_own_needs_come_from_a_file(attempt, cluster, tmp_path):
    template = tmp_path / "template.yaml"
    template.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: node}\n"
        "spec: {priorityClassName: low, containers: [{name: base, image: i}]}\n"
    )
    assert attempt(UPCYCLE_POD_TEMPLATE=str(template)).outcome() == {"result": RESULT}
    spec = cluster.created[0].body["spec"]
    assert spec["priorityClassName"] == "low" and cluster.created[0].base["image"] == "upcycle-ml:latest"


CONTAINERS = """
containers:
  image: registry/ml:7
  gpus: 2
  gpu_resource: amd.com/gpu
  cpu: 500m
  memory: 2Gi
  volumes:
    - {source: pictures, path: /srv/pictures}
    - {source: cache, path: /cache, read_only: false}
  secrets: [cloud-key]
  node_selector: {pool: gpu}
"""


def test_every_setting_reaches_the_pod(attempt, cluster, detectors, tmp_path):
    with (detectors / "signs.yaml").open("a") as file:
        file.write(CONTAINERS)
    home = str(tmp_path / "home")
    one = attempt(UPCYCLE_METADATA_URL="u", AIRFLOW_HOME=f"{home}/.airflow")
    assert one.outcome() == {"result": RESULT}
    spec = cluster.created[0].body["spec"]
    base = cluster.created[0].base
    assert base["image"] == "registry/ml:7" and spec["nodeSelector"] == {"pool": "gpu"}
    assert base["resources"] == {
        "requests": {"cpu": "500m", "memory": str(2 << 30)},
        "limits": {"memory": "2Gi", "amd.com/gpu": "2"},
    }
    assert spec["tolerations"] == [{"effect": "NoSchedule", "key": "amd.com/gpu", "operator": "Exists"}]
    assert {v["name"]: v.get("persistentVolumeClaim", "empty") for v in spec["volumes"]} == {
        "xcom": "empty",
        "home": {"claimName": "upcycle-home"},
        "volume-0": {"claimName": "pictures", "readOnly": True},
        "volume-1": {"claimName": "cache"},
        "hidden": "empty",
    }
    assert base["volumeMounts"] == [
        {"mountPath": "/airflow/xcom", "name": "xcom"},
        {"mountPath": home, "name": "home"},
        {"mountPath": "/srv/pictures", "name": "volume-0", "readOnly": True},
        {"mountPath": "/cache", "name": "volume-1"},
        {"mountPath": f"{home}/.airflow", "name": "hidden"},  # Airflow's keys are not for nodes
    ]
    # Values that may be secret are named, not given.
    given = {entry["name"] for entry in base["env"] if "value" in entry}
    assert given == {"UPCYCLE_HOME", "UPCYCLE_DETECTORS", "PYTHONUNBUFFERED"}
    assert {e["name"]: e["valueFrom"]["secretKeyRef"] for e in base["env"] if "valueFrom" in e} == {
        name: {"name": "upcycle-nodes", "key": name} for name in ("BUCKET", "UPCYCLE_METADATA_URL")
    }
    assert base["envFrom"] == [
        {"secretRef": {"name": "upcycle-nodes", "optional": True}},
        {"secretRef": {"name": "cloud-key", "optional": False}},
    ]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert base["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert spec["automountServiceAccountToken"] is False


@pytest.mark.parametrize(("value", "fix"), [("-1", "a number of GPUs"), ("two", "a whole number of GPUs")])
def test_gpus_that_kubernetes_cannot_give(attempt, cluster, value, fix):
    outcome = attempt(UPCYCLE_GPUS=value).outcome()
    assert outcome["error"] == "ValueError" and f"fix: {fix}" in outcome["message"]
    assert cluster.created == []
