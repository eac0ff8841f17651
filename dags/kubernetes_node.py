"""One pipeline node as a Kubernetes pod; importing the provider takes seconds, so only where it is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from kubernetes.client import models as k8s

from dags import containers
from dags.commands import NodeCommand
from dags.environment import EXIT_BAD_INPUT, EXIT_SKIPPED, upcycle_home

RESULT_FILE = "/airflow/xcom/return.json"  # where the provider's sidecar looks
GPU = "nvidia.com/gpu"
USER = 1000


class KubernetesNode(KubernetesPodOperator):
    """Runs the node in a pod; exit code 78 fails the task without a retry."""

    template_fields: Sequence[str] = ("arguments",)
    arguments: list[str]

    def __init__(self, *, pass_variables: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pass_variables = list(pass_variables)

    def execute(self, context: Any) -> Any:
        """Runs the pod to its end and returns the node's result."""
        self.arguments = [argument for argument in self.arguments if argument]
        self.env_vars = containers.environment(self.pass_variables)
        return super().execute(context)

    def cleanup(self, pod: Any, remote_pod: Any, *args: Any, **kwargs: Any) -> None:
        """As the provider's, which raises for a failed pod, but bad input is not worth a retry."""
        try:
            super().cleanup(pod, remote_pod, *args, **kwargs)
        except AirflowSkipException:
            raise
        except AirflowException as error:
            if exit_code_of(remote_pod, self.base_container_name) == EXIT_BAD_INPUT:
                raise AirflowFailException(f"{self.task_id} can't use its input: see the log") from error
            raise


def exit_code_of(pod: k8s.V1Pod, container: str) -> int | None:
    """The exit code of a pod's container, or None if it has not ended."""
    for status in (pod.status and pod.status.container_statuses) or []:
        if status.name == container and status.state and status.state.terminated:
            return status.state.terminated.exit_code
    return None


def kubernetes_node(command: NodeCommand, common: dict[str, Any]) -> KubernetesNode:
    """The operator of one task; docker/kubernetes/ has the claim, secret and account that it names."""
    result = ("--result", RESULT_FILE) if command.has_result else ()
    gpus = max(containers.gpus(), 0) if command.uses_gpu else 0
    requests = {"cpu": "1", "memory": "4Gi"}
    limits = {"memory": "16Gi"}
    if gpus:
        limits[GPU] = str(gpus)
    # The claim's folder; it must hold UPCYCLE_HOME, the detectors and the data.
    volume = os.environ.get("UPCYCLE_VOLUME") or str(upcycle_home())
    claim = k8s.V1PersistentVolumeClaimVolumeSource(claim_name="upcycle-home")
    secret = k8s.V1SecretEnvSource(name="upcycle-nodes", optional=True)  # UPCYCLE_METADATA_URL
    return KubernetesNode(
        name=f"upcycle-{command.task_id.lower()}",
        namespace=os.environ.get("UPCYCLE_NAMESPACE") or "upcycle",
        image=containers.image(),
        cmds=["python", "-m", command.module],
        arguments=[*command.arguments, *result],
        pass_variables=command.variables,
        env_from=[k8s.V1EnvFromSource(secret_ref=secret)],
        do_xcom_push=command.has_result,
        in_cluster=True,
        automount_service_account_token=False,
        container_resources=k8s.V1ResourceRequirements(requests=requests, limits=limits),
        tolerations=[k8s.V1Toleration(key=GPU, operator="Exists", effect="NoSchedule")] if gpus else None,
        volumes=[k8s.V1Volume(name="home", persistent_volume_claim=claim)],
        volume_mounts=[k8s.V1VolumeMount(name="home", mount_path=volume)],
        security_context=k8s.V1PodSecurityContext(run_as_non_root=True, run_as_user=USER, fs_group=USER),
        container_security_context=k8s.V1SecurityContext(
            allow_privilege_escalation=False, capabilities=k8s.V1Capabilities(drop=["ALL"])
        ),
        on_finish_action="delete_succeeded_pod",
        termination_grace_period=30,
        startup_timeout_seconds=900,  # pulling the image
        log_pod_spec_on_failure=False,
        skip_on_exit_code=EXIT_SKIPPED,
        **common,
    )
