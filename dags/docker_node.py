"""One pipeline node as a Docker container; imported only where a detector asks for it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.providers.docker.exceptions import DockerContainerFailedException
from airflow.providers.docker.operators.docker import DockerOperator, fetch_logs
from airflow.sdk import Variable
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret
from docker.errors import DockerException, NotFound
from docker.types import DeviceRequest, Mount

from dags import containers
from dags.child import GRACE_SECONDS
from dags.commands import NodeCommand
from dags.environment import EXIT_BAD_INPUT, EXIT_SKIPPED, detectors_dir, upcycle_home
from dags.lineage_events import LineageEvents
from dags.links import LINKS
from dags.masking import mask
from dags.operators import TAIL_LINES, raise_for_exit_code
from dags.results import read_result

SHARED_MEMORY_BYTES = 1 << 30  # Docker's 64 MiB is little for data loaders
COMMAND_LABEL = "upcycle.command"
FOLLOWED_LINES = 100  # of what a container said before another attempt took it over
# An end like these is the node's own word; any other one is worth another try.
OUTCOMES = (0, EXIT_BAD_INPUT, EXIT_SKIPPED)


class DockerNode(LineageEvents, DockerOperator):
    """Runs the node in a container; its result file comes back through UPCYCLE_HOME.

    The container of an attempt whose worker was killed goes on. The next attempt follows it to its end, or
    takes its outcome, instead of starting the work again.
    """

    template_fields: Sequence[str] = ("command",)
    operator_extra_links = LINKS
    command: list[str]

    def __init__(
        self, *, has_result: bool, pass_variables: Sequence[str], secrets: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.has_result = has_result
        self.pass_variables = list(pass_variables)
        self.secrets = list(secrets)

    def execute(self, context: Any) -> dict[str, Any]:
        """Runs the container to its end; raises the Airflow exception that fits its exit code."""
        mask(self.pass_variables)
        self.container_name = container_name(context["ti"])
        folder = upcycle_home() / ".results" / self.container_name
        result_file = folder / "result.json"
        self.command = [argument for argument in self.command if argument]
        if self.has_result:
            self.command += ["--result", str(result_file)]
        self.labels = {COMMAND_LABEL: containers.fingerprint(self.image, self.command)}
        try:
            previous = self._previous()
            if previous is not None:
                exit_code, tail = self._follow(previous)
            else:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
                exit_code, tail = self._start(context)
            raise_for_exit_code(self.task_id, exit_code, tail)
            return read_result(result_file) if self.has_result else {}
        except NotFound as error:
            raise AirflowException(f"the container of {self.task_id} is gone: it was stopped") from error
        finally:
            if self.container is not None:
                with contextlib.suppress(DockerException, OSError):  # what went wrong before is to be told
                    self._remove(self.container["Id"])
            shutil.rmtree(folder, ignore_errors=True)

    def on_kill(self) -> None:
        """Stops the container within the time that Airflow's supervisor leaves.

        Raises AirflowException where there is none yet, so that none is started any more.
        """
        if self.container_name is None:
            return
        # By its id: a later attempt's container, which has the same name, is not this one's to end.
        container = self.container["Id"] if self.container else self.container_name
        try:
            self.cli.stop(container, timeout=int(GRACE_SECONDS))
        except NotFound:
            raise AirflowException(f"{self.task_id} was stopped, and no container ran") from None
        self._remove(container)

    def _previous(self) -> str | None:
        """The container of a killed worker's attempt, if it is worth following; removes any other."""
        try:
            found = self.cli.inspect_container(self.container_name)
        except NotFound:
            return None
        state = found["State"]
        is_same = (found["Config"]["Labels"] or {}).get(COMMAND_LABEL) == self.labels[COMMAND_LABEL]
        has_outcome = state["Status"] == "exited" and state["ExitCode"] in OUTCOMES
        if is_same and (state["Running"] or has_outcome):
            self.log.info("an earlier attempt started container %s; following it", self.container_name)
            return str(found["Id"])
        self.log.info(
            "removing an earlier attempt's container: %s, exit code %s%s",
            state["Status"],
            state["ExitCode"],
            "" if is_same else ", another command",
        )
        self._remove(found["Id"])
        return None

    def _start(self, context: Any) -> tuple[int, list[str]]:
        # Read now, not when the DAG file was parsed: values may be secret, and a DAG is stored.
        self.environment = {name: os.environ[name] for name in containers.inherited(self.pass_variables)}
        self.environment |= {name: secret_value(name) for name in self.secrets}
        self.environment |= containers.settings()
        try:
            super().execute(context)
        except DockerContainerFailedException as failed:
            exit_code = self.cli.inspect_container(self.container["Id"])["State"]["ExitCode"]
            return exit_code, _tail(failed.logs)
        except NotFound as error:
            if self.container is None:
                raise AirflowException(
                    f"the engine has no image {self.image}, and can't pull it\n"
                    "  where: containers.image of the detector's YAML, else $UPCYCLE_ML_IMAGE\n"
                    "  fix:   build it there (docs/containers.md), or push it where the engine pulls from"
                ) from error
            raise
        return 0, []

    def _follow(self, container_id: str) -> tuple[int, list[str]]:
        self.container = {"Id": container_id}
        stream = self.cli.logs(container_id, stream=True, follow=True, tail=FOLLOWED_LINES)
        lines = fetch_logs(stream, self.log)
        return self.cli.wait(container_id)["StatusCode"], _tail(lines)

    def _remove(self, container: str) -> None:
        with contextlib.suppress(NotFound):
            self.cli.remove_container(container, force=True)


def container_name(ti: Any) -> str:
    """The name of a task instance's container, the same for each of its attempts."""
    task = f"{ti.dag_id}/{ti.run_id}/{ti.task_id}/{ti.map_index}"
    return "upcycle-" + hashlib.sha256(task.encode()).hexdigest()[:16]


def secret_value(name: str) -> str:
    """The value of a detector's secret: a variable of this process, else an Airflow Variable.

    The latter can be in a secrets back end. Raises AirflowFailException if there is neither.
    """
    value = os.environ.get(name) or Variable.get(name, default=None)
    if not value:
        raise AirflowFailException(
            f"the secret {name} has no value\n  where: containers.secrets of the detector's YAML\n"
            f"  fix:   set {name} in Airflow's environment, or as a Variable in its secrets back end"
        )
    mask_secret(value)
    return value


def docker_node(command: NodeCommand, common: dict[str, Any]) -> DockerNode:
    """The operator of one task. $UPCYCLE_DATA_DIRS are folders to mount read-only, separated by `:`."""
    spec = command.spec.containers
    gpus = containers.gpus(command)
    image = containers.image(command)
    return DockerNode(
        image=image,
        command=["python", "-m", command.module, *command.arguments],
        has_result=command.has_result,
        pass_variables=command.variables,
        secrets=spec.secrets,
        user=f"{os.getuid()}:{os.getgid()}",
        mounts=_mounts(command),
        mount_tmp_dir=False,
        # Nodes read files; only a metadata server needs a network.
        network_mode=os.environ.get("UPCYCLE_DOCKER_NETWORK") or "none",
        device_requests=[DeviceRequest(count=gpus, capabilities=[["gpu"]])] if gpus else None,
        shm_size=SHARED_MEMORY_BYTES,
        cpus=spec.cpus or 1.0,
        mem_limit=spec.memory_bytes,
        auto_remove="never",  # execute() asks for the exit code first
        **common,
    )


def _mounts(command: NodeCommand) -> list[Mount]:
    home = str(upcycle_home())
    data = [Path(folder) for folder in os.environ.get("UPCYCLE_DATA_DIRS", "").split(":") if folder]
    hidden = containers.hidden_folder()
    return [
        Mount(home, home, type="bind"),
        *(
            Mount(str(folder), str(folder), type="bind", read_only=True)
            for folder in (detectors_dir(), *data)
        ),
        *(
            Mount(volume.target, volume.source, type="bind", read_only=volume.read_only)
            for volume in command.spec.containers.volumes
        ),
        *([Mount(hidden, None, type="tmpfs")] if hidden else []),
    ]


def _tail(logs: Sequence[str | bytes] | None) -> list[str]:
    return [
        line.decode(errors="replace") if isinstance(line, bytes) else line
        for line in list(logs or [])[-TAIL_LINES:]
    ]
