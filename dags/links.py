"""The evaluation's report, one click away from its task. plugins/upcycle_plugin.py serves the page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from dags.environment import upcycle_home

REPORT_FILE = "report.html"
PREFIX = "/upcycle"


class ReportLink(BaseOperatorLink):
    """`Report` on a task whose node has written one."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address; Airflow asks in the process that ran the task, when the task has ended."""
        return operator.report_url or ""


def report_url(result: dict[str, Any]) -> str | None:
    """The address of the report among a node's outputs, or None if it wrote none under UPCYCLE_HOME."""
    for folder in result.get("outputs", {}).values():
        report = Path(folder) / REPORT_FILE
        if report.is_file() and report.is_relative_to(upcycle_home()):
            base = os.environ.get("AIRFLOW__API__BASE_URL", "")
            return f"{base}{PREFIX}/reports/{quote(str(report.relative_to(upcycle_home())))}"
    return None
