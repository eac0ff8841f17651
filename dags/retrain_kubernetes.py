"""Airflow DAGs of the detectors whose nodes run as Kubernetes pods (`executor: kubernetes`)."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from dags.commands import NodeCommand
from dags.factory import dags_for


def pod(command: NodeCommand, common: dict[str, Any]) -> BaseOperator:
    """The operator of one task; the provider is imported only when a detector asks for it."""
    from dags.kubernetes_node import kubernetes_node

    return kubernetes_node(command, common)


globals().update(dags_for("kubernetes", pod))
