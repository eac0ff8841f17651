"""Airflow's processes: started, started again when one dies, and ended for sure."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dags.child import die_with
from dags.guard import end_groups, signal_groups

STOP_SECONDS = 20.0
NODE_SECONDS = 8.0  # what a dead service's tasks get to stop their nodes and say so
STEADY_SECONDS = 60.0  # who ran so long died of something new
QUICK_DEATHS = 5  # in a row: it can't run here


class CannotServe(Exception):
    """Airflow can't be started or has stopped; the message says why."""


@dataclass
class Service:
    """One of Airflow's long-running commands; `due` is when to start it again, if it is down."""

    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    due: float = 0.0


class Services:
    """Airflow's processes, each the leader of a process group, with a log file each.

    A guard, a process of its own, ends the groups should this process be killed: LocalExecutor's workers and
    the nodes that they run would outlive it.
    """

    def __init__(self, logs: Path, say: Callable[[str], None]) -> None:
        self.logs = logs
        self._say = say
        self._services: dict[str, Service] = {}
        self._guard: subprocess.Popen[bytes] | None = None
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str) -> None:
        """Starts `airflow name arguments`."""
        self.log_of(name).unlink(missing_ok=True)
        service = self._services[name] = Service((name, *arguments))
        self._start(name, service)

    def run_to_end(self, *arguments: str, seconds: float) -> None:
        """Runs one Airflow command that ends by itself; raises CannotServe when it fails or hangs."""
        name = "-".join(arguments[:2])
        self.log_of(name).unlink(missing_ok=True)
        process = self._spawn(name, *arguments)
        try:
            exit_code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise CannotServe(f"`airflow {name}` took over {seconds:.0f} s") from None
        finally:
            self._end(process, grace=0.0)
        if exit_code != 0:
            raise CannotServe(
                f"`airflow {' '.join(arguments)}` failed; the end of {self.log_of(name)}:\n"
                + last_lines(self.log_of(name))
            )

    def log_of(self, name: str) -> Path:
        """The file with the output of one process."""
        return self.logs / f"{name}.log"

    def check(self) -> None:
        """Raises CannotServe when a process has ended: during the start that is no accident."""
        for name, service in self._services.items():
            if service.process is not None and service.process.poll() is not None:
                raise CannotServe(self._obituary(name, service.process.returncode))

    def tend(self) -> None:
        """Starts again what has died, after 1, 2, 4, ... s.

        Raises CannotServe when a service dies again and again soon after its start.
        """
        for name, service in self._services.items():
            if service.process is not None and service.process.poll() is not None:
                self._bury(name, service, service.process)
            if service.process is None and time.monotonic() >= service.due:
                self._start(name, service)

    def stop(self) -> None:
        """TERM to every group, the last started first, then KILL for what is left; waits for all."""
        running = [s.process for s in self._services.values() if s.process is not None]
        signal_groups([process.pid for process in reversed(running)], signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for process in running:
            self._end(process, grace=0.0)  # idle workers outlive a scheduler that was killed
        self._services.clear()
        if self._guard is not None:
            self._guard.communicate()  # the end of its input is the end of it
            self._guard = None

    def _start(self, name: str, service: Service) -> None:
        service.process = self._spawn(name, *service.arguments)
        service.started = time.monotonic()

    def _spawn(self, name: str, *arguments: str) -> subprocess.Popen[bytes]:
        if self._guard is None:
            self._guard = subprocess.Popen(
                [sys.executable, "-m", "dags.guard"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        with open(self.log_of(name), "ab") as log:
            process = subprocess.Popen(
                airflow_command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )
        self._tell_guard(f"+{process.pid}\n")
        return process

    def _bury(self, name: str, service: Service, process: subprocess.Popen[bytes]) -> None:
        """Ends what a dead service left: its workers' tasks stop before a new scheduler starts them again."""
        quick = time.monotonic() - service.started < STEADY_SECONDS
        service.deaths = service.deaths + 1 if quick else 1
        if service.deaths > QUICK_DEATHS:
            raise CannotServe(
                f"{self._obituary(name, process.returncode)}\nIt died {service.deaths} times in a row"
            )
        wait = 2.0 ** (service.deaths - 1)
        self._say(f"{name} ended with {process.returncode}; it starts again (log: {self.log_of(name)})")
        self._end(process, grace=NODE_SECONDS)
        service.process, service.due = None, time.monotonic() + wait

    def _obituary(self, name: str, exit_code: int) -> str:
        log = self.log_of(name)
        return f"{name} ended with {exit_code}; the end of {log}:\n{last_lines(log)}"

    def _end(self, process: subprocess.Popen[bytes], grace: float) -> None:
        process.poll()
        end_groups({process.pid}, grace)
        process.wait()
        self._tell_guard(f"-{process.pid}\n")

    def _tell_guard(self, message: str) -> None:
        assert self._guard is not None and self._guard.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # somebody killed it
            self._guard.stdin.write(message.encode())
            self._guard.stdin.flush()


def airflow_command(*arguments: str) -> list[str]:
    """Airflow's command line under the Python that runs this module."""
    return [sys.executable, "-m", "airflow", *arguments]


def last_lines(path: Path, count: int = 15) -> str:
    """The last lines of a log file."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])
