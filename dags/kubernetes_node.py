"""One pipeline node as a Kubernetes pod; importing the provider takes seconds, so only where it is used."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiException
from kubernetes.client import models as k8s

from dags import containers
from dags.commands import NodeCommand
from dags.environment import upcycle_home
from dags.lineage_events import LineageEvents
from dags.links import LINKS
from dags.masking import mask
from dags.operators import TAIL_LINES, raise_for_exit_code
from dags.results import made_small

RESULT_FILE = "/airflow/xcom/return.json"  # where the provider's sidecar looks
SECRET = "upcycle-nodes"
USER = 1000
GRACE_SECONDS = 30  # what a Trainer has for its last checkpoint
COMMAND_ANNOTATION = "upcycle/command"
REQUESTED_MEMORY = 4 << 30
_POLL_SECONDS = 1.0


class KubernetesNode(LineageEvents, KubernetesPodOperator):
    """Runs the node in a pod.

    The pod of an attempt whose worker was killed goes on; its labels name the DAG, run, task and map index,
    by which the next attempt finds it and follows it, instead of starting a second one.
    """

    template_fields: Sequence[str] = ("arguments",)
    operator_extra_links = LINKS
    arguments: list[str]
    image: str

    def __init__(self, *, pass_variables: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pass_variables = list(pass_variables)

    def execute(self, context: Any) -> dict[str, Any]:
        """Runs the pod to its end and returns the node's result; raises what fits its exit code."""
        mask(self.pass_variables)
        self.arguments = [argument for argument in self.arguments if argument]
        self.annotations = {COMMAND_ANNOTATION: containers.fingerprint(self.image, self.arguments)}
        self.env_vars = [k8s.V1EnvVar(name, value) for name, value in containers.settings().items()]
        self.env_vars += [_from_secret(name) for name in containers.inherited(self.pass_variables)]
        result = super().execute(context)
        if not self.do_xcom_push:
            return {}
        if not isinstance(result, dict):
            raise AirflowException(f"the node's result is no JSON object: {result!r}")
        return made_small(result)

    def build_pod_request_obj(self, context: Any = None, *, dry_run: bool = False) -> k8s.V1Pod:
        """As the provider's, but a trigger's text stays a text: Kubernetes replaces $(NAME) in arguments."""
        pod = super().build_pod_request_obj(context, dry_run=dry_run)
        base = next(one for one in pod.spec.containers if one.name == self.base_container_name)
        base.args = [argument.replace("$", "$$") for argument in base.args]
        return pod

    def get_or_create_pod(self, pod_request_obj: k8s.V1Pod, context: Any) -> k8s.V1Pod:
        """As the provider's, but waits for the end of a pod that is no use to follow: it must not overlap.

        That is one that is being deleted (its task was cleared), and one whose command is another.
        """
        pod = self.find_pod(pod_request_obj.metadata.namespace, context=context)
        if pod is not None:
            annotations = pod.metadata.annotations or {}
            wanted = pod_request_obj.metadata.annotations[COMMAND_ANNOTATION]
            is_ending = pod.metadata.deletion_timestamp is not None
            if is_ending or annotations.get(COMMAND_ANNOTATION) != wanted:
                self.log.info("waiting for the end of the earlier pod %s", pod.metadata.name)
                if not is_ending:
                    self.pod_manager.delete_pod(pod)
                self._wait_until_gone(pod)
        return super().get_or_create_pod(pod_request_obj, context)

    def cleanup(self, pod: Any, remote_pod: Any, *args: Any, **kwargs: Any) -> None:
        """As the provider's, but a failure says what the node's exit code says, with its last lines."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowException:
            ended = _end_of(remote_pod, self.base_container_name)
            if ended is not None:
                tail = (ended.message or "").splitlines()[-TAIL_LINES:]
                raise_for_exit_code(self.task_id, ended.exit_code, tail)
            raise

    def _wait_until_gone(self, pod: k8s.V1Pod) -> None:
        deadline = time.monotonic() + 2 * GRACE_SECONDS
        while time.monotonic() < deadline:
            try:
                self.client.read_namespaced_pod(pod.metadata.name, pod.metadata.namespace)
            except ApiException as error:
                if error.status == 404:
                    return
                raise
            time.sleep(_POLL_SECONDS)
        raise AirflowException(f"the earlier pod {pod.metadata.name} does not end")


def kubernetes_node(command: NodeCommand, common: dict[str, Any]) -> KubernetesNode:
    """The operator of one task; docker/kubernetes/ has the claim, secret and account that it names.

    Raises ValueError for $UPCYCLE_GPUS that Kubernetes can't give.
    """
    spec = command.spec.containers
    gpus = containers.gpus(command)
    if gpus < 0:
        raise ValueError("UPCYCLE_GPUS is -1, all GPUs, which Kubernetes can't give; fix: a number of GPUs")
    taint = k8s.V1Toleration(key=spec.gpu_resource, operator="Exists", effect="NoSchedule")
    return KubernetesNode(
        name=f"upcycle-{command.task_id.lower()}",
        namespace=os.environ.get("UPCYCLE_NAMESPACE") or "upcycle",
        image=containers.image(command),
        cmds=["python", "-m", command.module],
        arguments=[*command.arguments, *(("--result", RESULT_FILE) if command.has_result else ())],
        pass_variables=command.variables,
        env_from=[
            k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=SECRET, optional=True)),
            *(
                k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name, optional=False))
                for name in spec.secrets
            ),
        ],
        do_xcom_push=command.has_result,
        durable=True,  # follow the pod that an earlier attempt left
        automount_service_account_token=False,
        container_resources=_resources(command, gpus),
        tolerations=[taint] if gpus else None,
        node_selector=spec.node_selector,
        **_storage(command),
        pod_template_file=os.environ.get("UPCYCLE_POD_TEMPLATE") or None,  # what a cluster asks for
        security_context=k8s.V1PodSecurityContext(run_as_non_root=True, run_as_user=USER, fs_group=USER),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"])
        ),
        on_finish_action="delete_pod",  # a pod that was too slow to start must not start later
        termination_grace_period=GRACE_SECONDS,
        termination_message_policy="FallbackToLogsOnError",  # cleanup() shows the last lines
        container_name_log_prefix_enabled=False,
        startup_timeout_seconds=900,  # pulling the image
        log_pod_spec_on_failure=False,
        **common,
    )


def _resources(command: NodeCommand, gpus: int) -> k8s.V1ResourceRequirements:
    spec = command.spec.containers
    limits = {"memory": spec.memory or "16Gi"}
    if gpus:
        limits[spec.gpu_resource] = str(gpus)
    memory = min(REQUESTED_MEMORY, spec.memory_bytes or REQUESTED_MEMORY)
    return k8s.V1ResourceRequirements(requests={"cpu": spec.cpu or "1", "memory": str(memory)}, limits=limits)


def _storage(command: NodeCommand) -> dict[str, Any]:
    """The claim with UPCYCLE_HOME, the detectors and the data; those that the YAML names; what to hide."""
    claims = [("home", "upcycle-home", os.environ.get("UPCYCLE_VOLUME") or str(upcycle_home()), False)]
    claims += [
        (f"volume-{number}", volume.source, volume.target, volume.read_only)
        for number, volume in enumerate(command.spec.containers.volumes)
    ]
    volumes = [
        k8s.V1Volume(
            name=name,
            persistent_volume_claim=k8s.V1PersistentVolumeClaimVolumeSource(
                claim_name=claim, read_only=read_only or None
            ),
        )
        for name, claim, _, read_only in claims
    ]
    mounts = [
        k8s.V1VolumeMount(name=name, mount_path=path, read_only=read_only or None)
        for name, _, path, read_only in claims
    ]
    hidden = containers.hidden_folder()
    if hidden:
        volumes.append(k8s.V1Volume(name="hidden", empty_dir=k8s.V1EmptyDirVolumeSource()))
        mounts.append(k8s.V1VolumeMount(name="hidden", mount_path=hidden))
    return {"volumes": volumes, "volume_mounts": mounts}


def _from_secret(name: str) -> k8s.V1EnvVar:
    """A variable whose value is in the Secret under its own name: it may be secret, and a pod is readable."""
    key = k8s.V1SecretKeySelector(name=SECRET, key=name)
    return k8s.V1EnvVar(name, value_from=k8s.V1EnvVarSource(secret_key_ref=key))


def _end_of(pod: k8s.V1Pod, container: str) -> k8s.V1ContainerStateTerminated | None:
    """How a pod's container ended; None if it has not."""
    for status in (pod.status and pod.status.container_statuses) or []:
        if status.name == container and status.state:
            return status.state.terminated
    return None
