"""One pipeline node as a Docker container; imported only where a detector asks for it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from airflow.providers.docker.exceptions import (
    DockerContainerFailedException,
    DockerContainerFailedSkipException,
)
from airflow.providers.docker.operators.docker import DockerOperator
from docker.errors import NotFound
from docker.types import DeviceRequest, Mount

from dags import containers
from dags.child import GRACE_SECONDS
from dags.commands import NodeCommand
from dags.environment import EXIT_SKIPPED, detectors_dir, upcycle_home
from dags.operators import TAIL_LINES, raise_for_exit_code, read_result

SHARED_MEMORY_BYTES = 1 << 30  # Docker's 64 MiB is little for data loaders


class DockerNode(DockerOperator):
    """Runs the node in a container; its result file comes back through UPCYCLE_HOME."""

    template_fields: Sequence[str] = ("command",)
    command: list[str]

    def __init__(self, *, has_result: bool, pass_variables: Sequence[str], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.has_result = has_result
        self.pass_variables = list(pass_variables)

    def execute(self, context: Any) -> dict[str, Any]:
        """Runs the container to its end; raises the Airflow exception that fits its exit code."""
        ti = context["ti"]
        self._remove_previous(f"{ti.dag_id}/{ti.run_id}/{ti.task_id}")
        # Read now, not when the DAG file was parsed: values may be secret, and a DAG is stored.
        self.environment = containers.environment(self.pass_variables)
        results = upcycle_home() / ".results"
        results.mkdir(parents=True, exist_ok=True)
        command = [argument for argument in self.command if argument]
        with tempfile.TemporaryDirectory(dir=results) as folder:
            result_file = Path(folder) / "result.json"
            self.command = [*command, "--result", str(result_file)] if self.has_result else command
            try:
                super().execute(context)
            except DockerContainerFailedSkipException as skipped:
                raise_for_exit_code(self.task_id, EXIT_SKIPPED, _tail(skipped.logs))
            except DockerContainerFailedException as failed:
                exit_code = self.cli.inspect_container(self.container["Id"])["State"]["ExitCode"]
                raise_for_exit_code(self.task_id, exit_code, _tail(failed.logs))
            finally:
                if self.container is not None:
                    self.cli.remove_container(self.container["Id"], force=True)
            return read_result(result_file) if self.has_result else {}

    def on_kill(self) -> None:
        """Stops the container within the time that Airflow's supervisor leaves."""
        if self.container is not None:
            with contextlib.suppress(NotFound):
                self.cli.stop(self.container["Id"], timeout=int(GRACE_SECONDS))
                self.cli.remove_container(self.container["Id"], force=True)

    def _remove_previous(self, task: str) -> None:
        """Ends what a killed worker's attempt left running: two attempts must not overlap."""
        self.container_name = "upcycle-" + hashlib.sha256(task.encode()).hexdigest()[:16]
        with contextlib.suppress(NotFound):
            self.cli.remove_container(self.container_name, force=True)


def docker_node(command: NodeCommand, common: dict[str, Any]) -> DockerNode:
    """The operator of one task. $UPCYCLE_DATA_DIRS are folders to mount read-only, separated by `:`."""
    data = [Path(folder) for folder in os.environ.get("UPCYCLE_DATA_DIRS", "").split(":") if folder]
    home = str(upcycle_home())
    gpus = containers.gpus() if command.uses_gpu else 0
    return DockerNode(
        image=containers.image(),
        command=["python", "-m", command.module, *command.arguments],
        has_result=command.has_result,
        pass_variables=command.variables,
        user=f"{os.getuid()}:{os.getgid()}",
        mounts=[
            Mount(home, home, type="bind"),
            *(
                Mount(str(folder), str(folder), type="bind", read_only=True)
                for folder in (detectors_dir(), *data)
            ),
        ],
        mount_tmp_dir=False,
        # Nodes read files; only a metadata server needs a network.
        network_mode=os.environ.get("UPCYCLE_DOCKER_NETWORK") or "none",
        device_requests=[DeviceRequest(count=gpus, capabilities=[["gpu"]])] if gpus else None,
        shm_size=SHARED_MEMORY_BYTES,
        auto_remove="never",  # execute() asks for the exit code first
        skip_on_exit_code=EXIT_SKIPPED,
        **common,
    )


def _tail(logs: Sequence[str | bytes] | None) -> list[str]:
    return [
        line.decode(errors="replace") if isinstance(line, bytes) else line
        for line in list(logs or [])[-TAIL_LINES:]
    ]
