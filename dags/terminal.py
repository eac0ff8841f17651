"""Progress of a run for a person at a terminal, while Airflow's own output goes to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dags.environment import EXIT_BAD_INPUT, EXIT_SKIPPED

if TYPE_CHECKING:  # importing operators imports Airflow, which must not happen before its settings are made
    from dags.child import ChildProcess
    from dags.operators import Outcome

SUMMARY = "summary"


class TerminalObserver:
    """Prints each task's name, lines, duration and outcome to `out`; remembers what the run came to."""

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.process: ChildProcess | None = None
        self.bad_input = False
        self.seconds_in_nodes = 0.0

    def started(self, task_id: str, attempt: int, process: ChildProcess) -> None:
        """Prints the task's name, and that this is not its first attempt."""
        self.process = process
        if task_id == SUMMARY:
            self.say("")
        else:
            again = f" (attempt {attempt})" if attempt > 1 else ""
            self.say(self._bold(f"● {task_id}{again}"))

    def line(self, task_id: str, text: str) -> None:
        """Prints a line of a node; the summary's lines are the run's result and stand alone."""
        self.say(text if task_id == SUMMARY else f"  │ {text}")

    def finished(self, task_id: str, outcome: Outcome) -> None:
        """Prints how the task ended."""
        self.process = None
        self.seconds_in_nodes += outcome.seconds
        self.bad_input = self.bad_input or outcome.exit_code == EXIT_BAD_INPUT
        took = f"{outcome.seconds:.1f} s"
        if outcome.exit_code == EXIT_BAD_INPUT:
            self.say(f"  ✗ {task_id} can't use its input")
        elif outcome.exit_code == EXIT_SKIPPED:
            self.say(f"  ○ skipped  {took}")
        elif outcome.exit_code:
            then = "; Airflow tries again in a moment" if outcome.will_retry else ""
            self.say(f"  ✗ {task_id} failed (exit code {outcome.exit_code})  {took}{then}")
        elif task_id != SUMMARY:
            self.say(f"  ✓ {took}{'  from cache' if outcome.result.get('cached') else ''}")

    def say(self, text: str) -> None:
        """Prints one line at once; a terminal that has gone away is no reason to stop a run."""
        try:
            print(text, file=self.out, flush=True)
        except BrokenPipeError:
            self.out = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115

    def _bold(self, text: str) -> str:
        return f"\033[1m{text}\033[0m" if self.out.isatty() and "NO_COLOR" not in os.environ else text


@contextmanager
def output_to(log: Path) -> Iterator[TextIO]:
    """Sends all that this process and its children write to `log`; yields the real standard output.

    The file descriptors are replaced, because Airflow's loggers, warnings and C libraries each keep
    their own way to the terminal.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    with os.fdopen(os.dup(saved[0]), "w", encoding="utf-8", errors="replace") as terminal:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.close(descriptor)
        try:
            yield terminal
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)
