"""The Kubernetes manifests as kustomize builds them: valid objects, of which every reference resolves."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from composefile import read_compose, read_settings
from dockerfile import read_dockerfile
from program import COMPOSE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docker" / "kubernetes"
AIRFLOW = ROOT / ".venv-airflow" / "bin" / "python"
OVERLAYS = ("base", "gpu")
CLUSTER = {
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {}}],
}
Objects = list[dict[str, Any]]


@pytest.fixture(params=OVERLAYS)
def objects(request: pytest.FixtureRequest, kubectl: str) -> Objects:
    """What `kubectl apply -k` would send, for the base and for the overlay."""
    return build(kubectl, request.param)


def build(kubectl: str, name: str) -> Objects:
    done = subprocess.run([kubectl, "kustomize", FOLDER / name], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


def examples() -> Objects:
    """The secrets' example."""
    return list(yaml.safe_load_all((FOLDER / "secrets.example.yaml").read_text()))


def named(objects: Objects, kind: str) -> dict[str, dict[str, Any]]:
    return {item["metadata"]["name"]: item for item in objects if item["kind"] == kind}


def pods(objects: Objects) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Name, labels and spec of each pod: those of the controllers, and the nodes' template."""
    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet"):
            template = item["spec"]["template"]
            yield item["metadata"]["name"], template["metadata"]["labels"], template["spec"]
    yield "node", {"kubernetes_pod_operator": "True"}, node_template(objects)["spec"]


def node_template(objects: Objects) -> dict[str, Any]:
    (config,) = (item for name, item in named(objects, "ConfigMap").items() if name.startswith("node-pods"))
    template: dict[str, Any] = yaml.safe_load(config["data"]["pod_template.yaml"])
    return template


def faults(objects: Objects) -> list[str]:
    done = subprocess.run(
        [AIRFLOW, Path(__file__).with_name("strict_kubernetes.py")],
        input=json.dumps(objects),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout)
    return found


def test_every_object_is_one_that_the_api_takes(objects: Objects) -> None:
    assert faults([*objects, *examples(), node_template(objects)]) == []


def test_a_wrong_object_is_found() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": 1}], "hostNetwrk": True}}
    assert faults([pod]) == [
        "Pod.spec.hostNetwrk: unknown",
        "Pod.spec.containers[0].image: 1 is no str",
        "Pod.spec.containers[0]: Invalid value for `name`, must not be `None`",
    ]


def test_every_volume_claim_secret_and_account_exists(objects: Objects) -> None:
    secrets = {name: item["stringData"] for name, item in named(examples(), "Secret").items()}
    used = {("upcycle-nodes", "UPCYCLE_METADATA_URL")}  # dags/kubernetes_node.py
    for name, _, spec in pods(objects):
        volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
        if name == "postgres":
            (claim,) = named(objects, "StatefulSet")[name]["spec"]["volumeClaimTemplates"]
            volumes[claim["metadata"]["name"]] = claim
        mounted = [mount for container in spec["containers"] for mount in container["volumeMounts"]]
        assert {mount["name"] for mount in mounted} == set(volumes), name
        assert len({mount["mountPath"] for mount in mounted}) == len(mounted)
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in named(objects, "ConfigMap")
            if "persistentVolumeClaim" in volume:
                assert volume["persistentVolumeClaim"]["claimName"] in named(objects, "PersistentVolumeClaim")
            for item in volume.get("secret", {}).get("items", ()):
                used.add((volume["secret"]["secretName"], item["key"]))
        for container in spec["containers"]:
            for variable in container.get("env", ()):
                if "valueFrom" in variable:
                    reference = variable["valueFrom"]["secretKeyRef"]
                    used.add((reference["name"], reference["key"]))
        if "serviceAccountName" in spec:
            assert spec["serviceAccountName"] in named(objects, "ServiceAccount")
        else:
            assert spec["automountServiceAccountToken"] is False, f"{name} needs no token of the cluster"
    assert used == {(name, key) for name, data in secrets.items() for key in data}
    binding = named(objects, "RoleBinding")["airflow-pods"]
    assert binding["roleRef"]["name"] in named(objects, "Role")
    assert {subject["name"] for subject in binding["subjects"]} <= set(named(objects, "ServiceAccount"))
    assert {item["metadata"].get("namespace") for item in objects} == {None, "upcycle"}
    assert not named(objects, "Secret"), "a secret's value is no part of the manifests"


def test_selectors_and_ports_meet_pods(objects: Objects) -> None:
    labels = {name: labels for name, labels, _ in pods(objects)}
    ports = {
        (name, port["name"]): port["containerPort"]
        for name, _, spec in pods(objects)
        for container in spec["containers"]
        for port in container.get("ports", ())
    }

    def selected(selector: dict[str, str]) -> list[str]:
        return [name for name, of_pod in labels.items() if selector.items() <= of_pod.items()]

    for item in objects:
        if item["kind"] in ("Deployment", "StatefulSet"):
            assert selected(item["spec"]["selector"]["matchLabels"]) == [item["metadata"]["name"]]
    for name, service in named(objects, "Service").items():
        (target,) = selected(service["spec"]["selector"])
        for port in service["spec"]["ports"]:
            assert ports[target, port["targetPort"]] == port["port"]
        hosts = [text for item in examples() for text in item["stringData"].values() if "@" in text]
        assert all(f"@{name}:{service['spec']['ports'][0]['port']}/" in text for text in hosts)
    for policy in named(objects, "NetworkPolicy").values():
        spec = policy["spec"]
        peers = [peer for rule in spec.get("ingress", ()) for peer in rule["from"]]
        peers += [peer for rule in spec.get("egress", ()) for peer in rule.get("to", ())]
        for selector in [spec["podSelector"], *(p["podSelector"] for p in peers if "podSelector" in p)]:
            assert selected(selector.get("matchLabels", {})), policy["metadata"]["name"]


def reaches(objects: Objects, client: str, server: str, port: int) -> bool:
    """Whether the policies let `client` connect to `server`: both sides must allow it."""
    labels = {name: labels for name, labels, _ in pods(objects)}

    def meets(selector: dict[str, Any], name: str) -> bool:
        return bool(selector.get("matchLabels", {}).items() <= labels[name].items())

    def allowed(direction: str, peers: str, here: str, there: str) -> bool:
        rules = [
            rule
            for policy in named(objects, "NetworkPolicy").values()
            if meets(policy["spec"]["podSelector"], here)
            for rule in policy["spec"].get(direction, ())
        ]
        return any(
            any("podSelector" in peer and meets(peer["podSelector"], there) for peer in rule.get(peers, ()))
            and port in [each["port"] for each in rule["ports"]]
            for rule in rules
        )

    return allowed("egress", "to", client, server) and allowed("ingress", "from", server, client)


def test_only_airflow_and_the_nodes_reach_the_database(objects: Objects) -> None:
    names = {name for name, _, _ in pods(objects)}
    reached = {(c, s) for c in names for s in names if reaches(objects, c, s, 5432)}
    assert reached == {("airflow", "postgres"), ("node", "postgres")}
    closed = named(objects, "NetworkPolicy")["nothing"]["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_pod_is_root_or_can_become_it(objects: Objects) -> None:
    for name, _, spec in pods(objects):
        if name == "node":  # dags/kubernetes_node.py sets it for these
            continue
        assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] > 0
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} <= container["resources"].keys()
            assert {"startupProbe", "readinessProbe"} <= container.keys()


def test_pods_run_what_compose_runs(objects: Objects) -> None:
    settings = read_settings(
        COMPOSE.with_name("env.example"), {"AIRFLOW_PASSWORD": "a", "METADATA_PASSWORD": "b"}
    )
    compose = read_compose(COMPOSE, settings)["services"]
    containers = {name: spec["containers"][0] for name, _, spec in pods(objects)}
    for name in ("postgres", "tensorboard"):
        assert containers[name]["args"] == compose[name]["command"]
    image = read_dockerfile(ROOT / "docker" / "Dockerfile.airflow").images["airflow"]
    assert "args" not in containers["airflow"] and image.command == compose["airflow"]["command"]
    for name in ("airflow", "tensorboard"):
        check = compose[name]["healthcheck"]["test"][1:]
        assert containers[name]["readinessProbe"]["exec"]["command"] == check
        assert containers[name]["startupProbe"]["exec"]["command"] == check
    assert image.healthcheck == compose["airflow"]["healthcheck"]["test"][1:]
    probe = containers["postgres"]["readinessProbe"]["exec"]["command"]
    assert probe == compose["postgres"]["healthcheck"]["test"][1:]
    environment = {each["name"]: each.get("value") for each in containers["postgres"]["env"]}
    assert compose["postgres"]["environment"].keys() <= environment.keys()
    assert environment["POSTGRES_INITDB_ARGS"] == compose["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]
    (script,) = (
        item for name, item in named(objects, "ConfigMap").items() if name.startswith("postgres-init")
    )
    mounted = [volume for volume in compose["postgres"]["volumes"] if "initdb.d" in volume]
    assert [Path(volume.split(":")[0]).name for volume in mounted] == list(script["data"])


def test_the_overlay_gives_gpus_as_the_pool_has_slots(kubectl: str) -> None:
    def settings(overlay: str) -> dict[str, str | None]:
        spec = named(build(kubectl, overlay), "Deployment")["airflow"]["spec"]["template"]["spec"]
        return {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}

    base, gpu = (settings(name) for name in OVERLAYS)
    assert {name: gpu[name] for name in gpu if gpu[name] != base[name]} == {
        "UPCYCLE_GPUS": "1",
        "UPCYCLE_ML_IMAGE": "upcycle-ml:cuda",
    }
    slots = json.loads((ROOT / "dags" / "pools.json").read_text())["gpu"]["slots"]
    quota = named(build(kubectl, "gpu"), "ResourceQuota")["gpus"]["spec"]["hard"]
    assert quota == {"requests.nvidia.com/gpu": str(slots)}


def test_a_nodes_pod_fits_the_manifests(objects: Objects, tmp_path: Path) -> None:
    """The pod that dags/kubernetes_node.py makes, over the template, in the Deployment's environment."""
    airflow = named(objects, "Deployment")["airflow"]["spec"]["template"]["spec"]["containers"][0]
    template = tmp_path / "pod_template.yaml"
    template.write_text(yaml.safe_dump(node_template(objects)))
    variables = {each["name"]: each["value"] for each in airflow["env"] if "value" in each}
    assert variables["UPCYCLE_POD_TEMPLATE"].startswith(
        next(mount["mountPath"] for mount in airflow["volumeMounts"] if mount["name"] == "node-pods")
    )
    kubeconfig = tmp_path / "kubeconfig"  # of a cluster that nobody asks
    kubeconfig.write_text(json.dumps(CLUSTER))
    code = """
import json
from types import SimpleNamespace
from airflow.sdk import DAG
from kubernetes.client import ApiClient
from dags.commands import NodeCommand
from dags.kubernetes_node import kubernetes_node
from pipelines.spec import DetectorSpec
spec = DetectorSpec(
    name="d",
    executor="kubernetes",
    model={"pipeline_config": "p", "checkpoint": "c"},
    data={"train": "t", "label_map": "l"},
    gate={"floor": 0.5},
)
with DAG("d"):
    command = NodeCommand("Trainer", "pipelines.run_node", (), spec, ())
    node = kubernetes_node(command, {"task_id": "Trainer"})
ti = SimpleNamespace(dag_id="d", task_id="Trainer", map_index=-1, try_number=1)
context = {"ti": ti, "run_id": "r", "dag": node.dag}
pod = node.build_pod_request_obj(context)
print("RESULT", json.dumps(ApiClient().sanitize_for_serialization(pod)))
"""
    done = subprocess.run(
        [AIRFLOW, "-c", code],
        env=variables
        | {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "AIRFLOW_HOME": str(tmp_path / "airflow")}
        | {"UPCYCLE_POD_TEMPLATE": str(template), "KUBECONFIG": str(kubeconfig)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    pod = json.loads(done.stdout.rpartition("RESULT ")[2])
    assert faults([pod]) == []
    assert pod["metadata"]["namespace"] in named(objects, "Namespace")
    assert pod["metadata"]["labels"]["kubernetes_pod_operator"] == "True"
    claims = {
        v["persistentVolumeClaim"]["claimName"]
        for v in pod["spec"]["volumes"]
        if "persistentVolumeClaim" in v
    }
    assert claims == set(named(objects, "PersistentVolumeClaim"))
    main = pod["spec"]["containers"][0]
    assert {source["secretRef"]["name"] for source in main["envFrom"]} <= set(named(examples(), "Secret"))
    assert main["image"] == variables["UPCYCLE_ML_IMAGE"]
    mounts = {mount["mountPath"] for mount in main["volumeMounts"]}
    assert variables["UPCYCLE_VOLUME"] in mounts
    # Only with the template: what it adds is kept beside what the operator sets.
    assert "/tmp" in mounts and pod["spec"]["enableServiceLinks"] is False
    gpus = main["resources"]["limits"].get("nvidia.com/gpu", "0")
    assert gpus == variables["UPCYCLE_GPUS"]
