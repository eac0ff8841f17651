"""Links on tasks: the evaluation's report, TensorBoard, the run's lineage. dags/plugins/ serves the pages."""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from dags.environment import upcycle_home
from dags.run_files import output

REPORT_FILE = "report.html"
LINEAGE_FILE = "lineage.html"
PAGES = frozenset({REPORT_FILE, LINEAGE_FILE})
PREFIX = "/upcycle"
TENSORBOARD_VARIABLE = "UPCYCLE_TENSORBOARD_URL"
_log = logging.getLogger(__name__)


class _NodeLink(BaseOperatorLink):
    """A link whose address `show_running` or `show_result` found; Airflow asks when the task has ended."""

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """The address, or "" for a task that has no such page."""
        return getattr(operator, "pages", {}).get(self.name, "")


class ReportLink(_NodeLink):
    """`Report` on the Evaluator: metrics, verdict, pictures; on the summary with how the run ended."""

    name = "Report"


class TensorBoardLink(_NodeLink):
    """`TensorBoard` on the Trainer, while it runs too."""

    name = "TensorBoard"


class LineageLink(_NodeLink):
    """`Lineage` on the summary: what the run's model was made of."""

    name = "Lineage"


LINKS = (ReportLink(), TensorBoardLink(), LineageLink())


# The two hooks are short because Airflow stores their source with each task.
def show_running(context: Any) -> None:
    """Airflow's `pre_execute`: the link that is of use while a node works."""
    _link_tensorboard(context)


def show_result(context: Any, result: Any) -> None:
    """Airflow's `post_execute`: links to the pages that a node has left behind."""
    _link_pages(context, result)


def _link_tensorboard(context: Any) -> None:
    task = context["task"]
    task.pages = {}
    with _harmless():
        url = tensorboard_url(task.dag.dag_id.removeprefix("retrain_"))
        if task.task_id == "Trainer" and url:
            task.pages["TensorBoard"] = url
            context["ti"].xcom_push(key=TensorBoardLink().xcom_key, value=url)


def _link_pages(context: Any, result: Any) -> None:
    task = context["task"]
    with _harmless():
        for name, file in node_pages(task.task_id, result, context["ti"]).items():
            if url := page_url(file):
                task.pages[name] = url
        logs = output(result, "model_run")
        if "TensorBoard" in task.pages and logs is not None:
            task.pages["TensorBoard"] = tensorboard_url(run_folder=logs)


@contextlib.contextmanager
def _harmless() -> Iterator[None]:
    """A link that could not be made is logged, and fails no node."""
    try:
        yield
    except Exception:
        _log.exception("a link of the task could not be made")


def node_pages(task_id: str, result: Any, ti: Any) -> dict[str, Path]:
    """Where a node's pages would be, by their link."""
    pages: dict[str, Path] = {}
    if evaluation := output(result, "evaluation"):
        pages["Report"] = evaluation / REPORT_FILE
    if task_id == "summary" and (plan := ti.xcom_pull(task_ids="plan")):
        run_dir = Path(plan["run_dir"])
        pages |= {"Report": run_dir / REPORT_FILE, "Lineage": run_dir / LINEAGE_FILE}
    return pages


def page_url(file: Path) -> str | None:
    """The address of a page under UPCYCLE_HOME, or None where there is none."""
    if file.name not in PAGES or not file.is_file() or not file.is_relative_to(upcycle_home()):
        return None
    return f"{base_url()}{PREFIX}/reports/{quote(str(file.relative_to(upcycle_home())))}"


def tensorboard_url(detector: str = "", run_folder: Path | None = None) -> str | None:
    """TensorBoard with one training's curves, or all of a detector; None without $UPCYCLE_TENSORBOARD_URL.

    TensorBoard reads UPCYCLE_HOME and names a training by its folder in there. What the folder of a training
    that runs is called, only the node knows.
    """
    base = os.environ.get(TENSORBOARD_VARIABLE)
    if not base:
        return None
    runs = f"{re.escape(detector)}/artifacts/Trainer/model_run/"
    if run_folder is not None and run_folder.is_relative_to(upcycle_home()):
        runs = f"{re.escape(str(run_folder.relative_to(upcycle_home())))}(/|$)"
    return f"{base.rstrip('/')}/?{urlencode({'runFilter': f'^{runs}'})}#timeseries"


def base_url() -> str:
    """Airflow's address as its users type it."""
    return str(conf.get("api", "base_url", fallback="")).rstrip("/")
