"""Airflow operators: one pipeline node as a child process of the ML environment."""

from __future__ import annotations

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
from airflow.sdk.log import redact

from dags.child import ChildProcess, follow_parent
from dags.environment import EXIT_BAD_INPUT, EXIT_SKIPPED, ROOT, ml_python, node_environment, upcycle_home
from dags.lineage_events import LineageEvents
from dags.links import LINKS
from dags.masking import mask
from dags.one_attempt import one_attempt
from dags.results import read_result

TAIL_LINES = 12  # of the node's output, repeated in the error that Airflow shows on top


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


class NodeOperator(LineageEvents, BaseOperator):
    """Runs `python -m MODULE ARGUMENTS [--result FILE]` in the ML environment.

    Arguments that render to nothing are left out. Exit code 0: the result file's JSON becomes the XCom;
    78: bad input, fails without a retry; 99: skipped; anything else: fails and is retried.
    """

    template_fields: Sequence[str] = ("arguments",)
    operator_extra_links = LINKS
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
        self._child: ChildProcess | None = None
        self._stopped = False
        self._waits = False

    def execute(self, context: Any) -> dict[str, Any]:
        """Runs the node to its end; raises the Airflow exception that fits its exit code."""
        if _is_supervised():
            # A worker that was killed would leave this process and its node beside the next attempt
            follow_parent()
        mask(self.pass_variables)
        with tempfile.TemporaryDirectory(prefix="upcycle-result-") as folder:
            result_file = Path(folder) / "result.json"
            argv = [ml_python(), "-m", self.module, *filter(None, self.arguments)]
            if self.has_result:
                argv += ["--result", str(result_file)]
            attempt = context["ti"].try_number
            locks = upcycle_home() / ".airflow" / "locks"
            with one_attempt(locks, f"{self.dag_id}.{self.task_id}", self._wait) as lock:
                exit_code, tail, seconds = self._run(argv, attempt, lock)
            result = read_result(result_file) if exit_code == 0 and self.has_result else {}
        final = exit_code in (0, EXIT_BAD_INPUT, EXIT_SKIPPED) or attempt > (self.retries or 0)
        for observer in observers:
            observer.finished(self.task_id, Outcome(exit_code, seconds, result, will_retry=not final))
        raise_for_exit_code(self.task_id, exit_code, tail)
        return result

    def on_kill(self) -> None:
        """Airflow wants the task to stop: end the node's whole process group."""
        self._stopped = True
        if self._child is not None:
            self.log.info("stopping process group %s", self._child.pid)
            self._child.end()

    def _wait(self) -> None:
        """Says once that another attempt still runs; raises AirflowException when Airflow wants to stop."""
        if self._stopped:
            raise AirflowException(f"{self.task_id} was stopped before it started")
        if not self._waits:
            self._waits = True
            self.log.warning("an earlier attempt at %s still runs; waiting for its end", self.task_id)

    def _run(self, argv: list[str], attempt: int, lock: int) -> tuple[int, list[str], float]:
        started = time.monotonic()
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        environment = node_environment(self.pass_variables)
        child = self._child = ChildProcess(argv, environment, cwd=ROOT, keep=[lock])
        self.log.info("process %s: %s", child.pid, redact(" ".join(argv)))
        try:
            if self._stopped:  # before there was a process to stop
                child.end()
            for observer in observers:
                observer.started(self.task_id, attempt, child)
            for printed in child.lines():
                line = str(redact(printed))  # Airflow's own masking leaves the scheduler's output alone
                self.log.info("%s", line)
                tail.append(line)
                for observer in observers:
                    observer.line(self.task_id, line)
            exit_code = child.wait()
        finally:
            child.end()  # whatever a finished or interrupted node left in its group
            self._child = None
        return exit_code, list(tail), time.monotonic() - started


def _is_supervised() -> bool:
    """Whether this is a task runner under an Airflow worker, and not `dag.test()` in any process."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import CommsDecoder

    return isinstance(getattr(task_runner, "SUPERVISOR_COMMS", None), CommsDecoder)


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
