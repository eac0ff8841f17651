"""Airflow DAGs of the detectors whose nodes run as Docker containers (`executor: docker`)."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from dags.commands import NodeCommand
from dags.factory import dags_for


def container(command: NodeCommand, common: dict[str, Any]) -> BaseOperator:
    """The operator of one task; the provider is imported only when a detector asks for it."""
    from dags.docker_node import docker_node

    return docker_node(command, common)


globals().update(dags_for("docker", container))
