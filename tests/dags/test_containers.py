from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
HOME = "/upcycle/runs"


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


def shape(dag) -> dict[str, tuple]:
    return {t.task_id: (sorted(t.downstream_task_ids), t.pool, t.retries) for t in dag.tasks}


def test_the_same_shape_on_every_executor(dags):
    names = {"signs", "docker", "kubernetes"}
    assert set(dags) == {f"{what}_{name}" for what in ("retrain", "rollback") for name in names}
    assert (
        shape(dags["rollback_signs"]) == shape(dags["rollback_docker"]) == shape(dags["rollback_kubernetes"])
    )
    assert shape(dags["retrain_signs"]) == shape(dags["retrain_docker"]) == shape(dags["retrain_kubernetes"])
    assert Path(dags["retrain_docker"].fileloc).name == "retrain_docker.py"


def test_no_secret_is_stored_with_a_dag(dags):
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        assert "secret@host" not in str(DagSerialization.to_dict(dag))


class FakeEngine:
    """The part of docker.APIClient that a run uses."""

    def __init__(self, exit_code: int) -> None:
        self.exit_code = exit_code
        self.created: dict = {}
        self.calls: list[tuple] = []

    def create_container(self, **kwargs):
        self.created = kwargs
        if self.exit_code == 0 and "--result" in kwargs["command"]:
            result = kwargs["command"][kwargs["command"].index("--result") + 1]
            Path(result).write_text('{"node": "Trainer", "cached": false}')
        return {"Id": "c1"}

    def create_host_config(self, **kwargs):
        return kwargs

    def attach(self, **kwargs):
        return iter([b"the label map is empty\n"])

    def inspect_container(self, _):
        return {"State": {"ExitCode": self.exit_code}}

    def images(self, name):
        return [name]

    def wait(self, _):
        return {"StatusCode": self.exit_code}

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.append((name, *args, kwargs))


@pytest.fixture
def run_container(dags, monkeypatch, tmp_path):
    def run(exit_code: int):
        from dags.docker_node import DockerNode

        monkeypatch.setenv("UPCYCLE_HOME", str(tmp_path))
        engine = FakeEngine(exit_code)
        monkeypatch.setattr(DockerNode, "cli", engine)
        task = dags["retrain_docker"].get_task("Trainer")
        task.command = ["python", "-m", "pipelines.run_node", "--plan=/p", "", "--node=Trainer"]
        ti = SimpleNamespace(dag_id="d", run_id="r", task_id="Trainer", try_number=1)
        try:
            return engine, task.execute({"ti": ti})
        except Exception as error:
            return engine, error

    return run


def test_a_container_gets_gpu_mounts_and_no_network(dags, detectors):
    trainer, generator = (dags["retrain_docker"].get_task(name) for name in ("Trainer", "ExampleGen"))
    assert trainer.image == "upcycle-ml:7"
    assert trainer.device_requests[0]["Count"] == 1 and generator.device_requests is None
    assert [(m["Source"], m["Target"], m["ReadOnly"]) for m in trainer.mounts] == [
        (HOME, HOME, False),
        (str(detectors), str(detectors), True),
    ]
    assert trainer.network_mode == "none"


def test_a_container_runs_and_hands_back_its_result(run_container):
    engine, result = run_container(0)
    assert result == {"node": "Trainer", "cached": False}
    assert engine.created["command"][:5] == [
        "python",
        "-m",
        "pipelines.run_node",
        "--plan=/p",
        "--node=Trainer",
    ]
    assert engine.created["environment"]["UPCYCLE_METADATA_URL"] == "postgresql://user:secret@host/db"
    assert "AIRFLOW_HOME" not in engine.created["environment"]
    removed = [call[1] for call in engine.calls if call[0] == "remove_container"]
    assert removed == [engine.created["name"], "c1"]  # the attempt before, then its own


@pytest.mark.parametrize(
    ("exit_code", "exception"),
    [(78, "AirflowFailException"), (99, "AirflowSkipException"), (1, "AirflowException")],
)
def test_a_containers_exit_code(run_container, exit_code, exception):
    engine, error = run_container(exit_code)
    assert type(error).__name__ == exception
    assert "the label map is empty" in str(error)
    assert ("remove_container", "c1", {"force": True}) in engine.calls


def pod_of(task):
    from kubernetes.client import ApiClient

    task.arguments = [argument for argument in task.arguments if argument]
    return ApiClient().sanitize_for_serialization(task.build_pod_request_obj(None, dry_run=True))


def test_a_pod(dags, monkeypatch):
    monkeypatch.setattr(
        "airflow.providers.cncf.kubernetes.hooks.kubernetes.KubernetesHook.get_xcom_sidecar_container_image",
        lambda self: "alpine",
    )
    for name in ("resources", "security_context"):
        monkeypatch.setattr(
            "airflow.providers.cncf.kubernetes.hooks.kubernetes.KubernetesHook."
            f"get_xcom_sidecar_container_{name}",
            lambda self: None,
        )
    pod = pod_of(dags["retrain_kubernetes"].get_task("Trainer"))
    node = next(c for c in pod["spec"]["containers"] if c["name"] == "base")
    assert (node["image"], node["command"]) == ("upcycle-ml:7", ["python", "-m", "pipelines.run_node"])
    assert node["args"][-2:] == ["--result", "/airflow/xcom/return.json"]
    assert node["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert pod["spec"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    assert {"name": "home", "mountPath": HOME} in node["volumeMounts"]
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert pod["metadata"]["namespace"] == "upcycle"
    generator = pod_of(dags["retrain_kubernetes"].get_task("ExampleGen"))
    assert "nvidia.com/gpu" not in generator["spec"]["containers"][0]["resources"]["limits"]


@pytest.mark.parametrize(("exit_code", "exception"), [(78, "AirflowFailException"), (1, "AirflowException")])
def test_a_pods_exit_code(dags, monkeypatch, exit_code, exception):
    from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
    from airflow.sdk.exceptions import AirflowException
    from kubernetes.client import models as k8s

    def failed(self, pod, remote_pod):
        raise AirflowException("the pod failed")

    monkeypatch.setattr(KubernetesPodOperator, "cleanup", failed)
    ended = k8s.V1ContainerState(terminated=k8s.V1ContainerStateTerminated(exit_code=exit_code))
    status = k8s.V1ContainerStatus(
        name="base", state=ended, image="i", image_id="i", ready=False, restart_count=0
    )
    pod = k8s.V1Pod(status=k8s.V1PodStatus(container_statuses=[status]))
    with pytest.raises(AirflowException) as caught:
        dags["retrain_kubernetes"].get_task("Trainer").cleanup(pod, pod)
    assert type(caught.value).__name__ == exception


def test_compose_listens_on_loopback_only():
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    url = compose["services"]["airflow"]["environment"]["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url.startswith("postgresql+psycopg2://airflow:${POSTGRES_PASSWORD}@127.0.0.1:") and " " not in url
    for service in compose["services"].values():
        if "build" in service:
            context = ROOT / "docker" / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).is_file()


def test_dockerfiles_copy_what_exists():
    for name in ("Dockerfile.ml", "Dockerfile.airflow"):
        for line in (ROOT / "docker" / name).read_text().replace("\\\n", " ").splitlines():
            if line.startswith("COPY") and "--from" not in line and "$" not in line:
                source = ROOT / line.split()[1]
                assert source.exists(), line


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_manifests_build_and_fit_the_code(dags):
    built = subprocess.run(
        ["kubectl", "kustomize", str(ROOT / "docker" / "kubernetes")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert built.returncode == 0, built.stderr
    manifests = {(m["kind"], m["metadata"]["name"]): m for m in yaml.safe_load_all(built.stdout)}
    task = dags["retrain_kubernetes"].get_task("Trainer")
    claim = task.volumes[0].to_dict()["persistent_volume_claim"]["claim_name"]
    assert ("PersistentVolumeClaim", claim) in manifests
    airflow = manifests["Deployment", "airflow"]["spec"]["template"]["spec"]
    assert ("ServiceAccount", airflow["serviceAccountName"]) in manifests
    container = airflow["containers"][0]
    settings = {entry["name"]: entry.get("value") for entry in container["env"]}
    mounts = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert mounts == [settings["UPCYCLE_VOLUME"]]
    for path in (settings["UPCYCLE_HOME"], settings["UPCYCLE_DETECTORS"]):
        assert Path(path).is_relative_to(settings["UPCYCLE_VOLUME"])
    assert not container.get("ports")  # the API is on the pod's loopback
    assert "Secret" not in {kind for kind, _ in manifests}
