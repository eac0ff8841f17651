"""Airflow operators: one pipeline node as a child process of the ML environment."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from dags.child import ChildProcess
from dags.environment import EXIT_BAD_INPUT, EXIT_SKIPPED, ROOT, ml_python, node_environment
from dags.links import ReportLink, report_url

TAIL_LINES = 6  # of the node's output, repeated in the error that Airflow shows on top


@dataclass(frozen=True)
class Outcome:
    """How a node's process ended."""

    exit_code: int
    seconds: float = 0.0
    result: dict[str, Any] = field(default_factory=dict)
    will_retry: bool = False


class Observer(Protocol):
    """Who is told about the nodes that this process runs, besides Airflow."""

    def started(self, task_id: str, attempt: int, process: ChildProcess) -> None:
        """A node's process runs."""

    def line(self, task_id: str, text: str) -> None:
        """A node printed a line."""

    def finished(self, task_id: str, outcome: Outcome) -> None:
        """A node's process ended."""


observers: list[Observer] = []


class NodeOperator(BaseOperator):
    """Runs `python -m MODULE ARGUMENTS [--result FILE]` in the ML environment.

    Arguments that render to nothing are left out. Exit code 0: the result file's JSON becomes the XCom;
    78: bad input, fails without a retry; 99: skipped; anything else: fails and is retried.
    """

    template_fields: Sequence[str] = ("arguments",)
    operator_extra_links = (ReportLink(),)
    ui_color = "#e6f4ea"

    def __init__(
        self,
        *,
        module: str,
        arguments: Sequence[str],
        has_result: bool = True,
        pass_variables: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.module = module
        self.arguments = list(arguments)
        self.has_result = has_result
        self.pass_variables = list(pass_variables)
        self.report_url: str | None = None
        self._child: ChildProcess | None = None

    def execute(self, context: Any) -> dict[str, Any]:
        """Runs the node to its end; raises the Airflow exception that fits its exit code."""
        with tempfile.TemporaryDirectory(prefix="upcycle-result-") as folder:
            result_file = Path(folder) / "result.json"
            argv = [ml_python(), "-m", self.module, *filter(None, self.arguments)]
            if self.has_result:
                argv += ["--result", str(result_file)]
            attempt = context["ti"].try_number
            exit_code, tail, seconds = self._run(argv, attempt)
            result = read_result(result_file) if exit_code == 0 and self.has_result else {}
        final = exit_code in (0, EXIT_BAD_INPUT, EXIT_SKIPPED) or attempt > (self.retries or 0)
        for observer in observers:
            observer.finished(self.task_id, Outcome(exit_code, seconds, result, will_retry=not final))
        raise_for_exit_code(self.task_id, exit_code, tail)
        self.report_url = report_url(result)
        return result

    def on_kill(self) -> None:
        """Airflow wants the task to stop: end the node's whole process group."""
        if self._child is not None:
            self.log.info("stopping process group %s", self._child.pid)
            self._child.end()

    def _run(self, argv: list[str], attempt: int) -> tuple[int, list[str], float]:
        started = time.monotonic()
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        child = self._child = ChildProcess(argv, node_environment(self.pass_variables), cwd=ROOT)
        self.log.info("process %s: %s", child.pid, " ".join(argv))
        try:
            for observer in observers:
                observer.started(self.task_id, attempt, child)
            for line in child.lines():
                self.log.info("%s", line)
                tail.append(line)
                for observer in observers:
                    observer.line(self.task_id, line)
            exit_code = child.wait()
        finally:
            child.end()  # whatever a finished or interrupted node left in its group
            self._child = None
        return exit_code, list(tail), time.monotonic() - started


def read_result(path: Path) -> dict[str, Any]:
    """The JSON object that a node wrote; raises AirflowException if there is none."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AirflowException(f"the node ended well but left no readable result: {error}") from error
    if not isinstance(result, dict):
        raise AirflowException(f"the node's result is no JSON object: {result!r}")
    return result


def raise_for_exit_code(task_id: str, exit_code: int, tail: list[str]) -> None:
    """Turns a node's exit code into Airflow's exception for it; 0 returns."""
    if exit_code == 0:
        return
    said = "\n".join(tail)
    if exit_code == EXIT_SKIPPED:
        raise AirflowSkipException(f"{task_id} had nothing to do\n{said}")
    if exit_code == EXIT_BAD_INPUT:
        raise AirflowFailException(f"{task_id} can't use its input; a retry can't help\n{said}")
    how = f"was ended by {signal.Signals(-exit_code).name}" if exit_code < 0 else f"failed with {exit_code}"
    raise AirflowException(f"{task_id} {how}\n{said}")
