"""Airflow DAGs, one for each file in detectors/, whose nodes run as child processes on this machine."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from dags.broken import broken_dags
from dags.commands import NodeCommand
from dags.factory import dags_for
from dags.operators import NodeOperator


def child_process(command: NodeCommand, common: dict[str, Any]) -> BaseOperator:
    """The operator of one task: a child process of the ML environment."""
    return NodeOperator(
        module=command.module,
        arguments=command.arguments,
        has_result=command.has_result,
        pass_variables=command.variables,
        **common,
    )


globals().update(dags_for("process", child_process))
globals().update(broken_dags())  # here, whatever executor their detectors ask for
