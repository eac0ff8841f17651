"""`python -m dags.serve`: Airflow on this machine, on loopback only; Ctrl-C stops all of it.

`airflow standalone` would orphan its children on SIGTERM and open log servers to the network.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import FrameType

from dags import environment
from dags.child import die_with

HOST = "127.0.0.1"
START_SECONDS = 180.0
STOP_SECONDS = 20.0
DAEMONS = ("scheduler", "triggerer", "dag_processor")


class CannotServe(Exception):
    """Airflow can't be started or has stopped; the message says why."""


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""


class Services:
    """Airflow's processes, each the leader of a process group, with a log file each."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, *arguments: str) -> None:
        """Starts `airflow name arguments`."""
        with open(self.log_of(name), "wb") as log:
            self._running[name] = subprocess.Popen(
                airflow_command(name, *arguments),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=die_with(os.getpid()),
            )

    def log_of(self, name: str) -> Path:
        """The file with the output of one process."""
        return self.logs / f"{name}.log"

    def check(self) -> None:
        """Raises CannotServe when a process has ended: the others are no use without it."""
        for name, process in self._running.items():
            if process.poll() is not None:
                raise CannotServe(
                    f"{name} ended with {process.returncode}; the end of {self.log_of(name)}:\n"
                    + last_lines(self.log_of(name))
                )

    def stop(self) -> None:
        """TERM to every group, the last started first, then KILL for what is left; waits for all."""
        for process in reversed(self._running.values()):
            _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
        for process in self._running.values():
            _signal_group(process, signal.SIGKILL)  # idle workers outlive a scheduler that was killed
            process.wait()


def main(argv: list[str] | None = None) -> int:
    """Serves until a signal comes (returns 0) or a process dies (returns 1)."""
    parser = argparse.ArgumentParser(prog="python -m dags.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="the port of the web interface")
    port = parser.parse_args(argv).port
    airflow_home = environment.upcycle_home() / ".airflow"
    services = Services(airflow_home / "service-logs")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_stopped)
    try:
        check_port(port)
        environment.apply(environment.airflow_settings(airflow_home, port))
        start(services, port)
        say(f"Airflow is ready: http://{HOST}:{port}   (Ctrl-C stops it; logs: {services.logs})")
        while True:
            services.check()
            time.sleep(1.0)
    except Stopped:
        say("stopping")
        return 0
    except CannotServe as problem:
        say(str(problem))
        return 1
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        services.stop()
        say("stopped")


def start(services: Services, port: int) -> None:
    """Brings everything up in the order that loses no task: the API first. Raises CannotServe."""
    began = time.monotonic()
    say("preparing the database")
    run_to_end(services, "db", "migrate")
    run_to_end(services, "pools", "import", str(environment.ROOT / "dags" / "pools.json"))
    say("starting the API server")
    services.start("api-server", "--host", HOST, "--port", str(port), "--workers", "1")
    wait_for(services, port, ())
    say("starting the DAG processor, the triggerer and the scheduler")
    services.start("dag-processor")
    services.start("triggerer", "--skip-serve-logs")
    services.start("scheduler", "--skip-serve-logs")
    wait_for(services, port, DAEMONS)
    say(f"all healthy after {time.monotonic() - began:.0f} s")


def run_to_end(services: Services, *arguments: str) -> None:
    """Runs one Airflow command that ends by itself; raises CannotServe when it fails or hangs."""
    name = "-".join(arguments[:2])
    with open(services.log_of(name), "wb") as log:
        process = subprocess.Popen(
            airflow_command(*arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=die_with(os.getpid()),
        )
        try:
            exit_code = process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            raise CannotServe(f"`airflow {name}` took over {START_SECONDS:.0f} s") from None
        finally:
            _signal_group(process, signal.SIGKILL)
            process.wait()
    if exit_code != 0:
        raise CannotServe(
            f"`airflow {' '.join(arguments)}` failed; the end of {services.log_of(name)}:\n"
            + last_lines(services.log_of(name))
        )


def wait_for(services: Services, port: int, daemons: tuple[str, ...]) -> None:
    """Waits until the API answers and reports `daemons` healthy; raises CannotServe after a time-out."""
    deadline = time.monotonic() + START_SECONDS
    missing = ", ".join(daemons) or "the API server"
    while time.monotonic() < deadline:
        services.check()
        report = health(port)
        if report is not None:
            sick = [name for name in daemons if (report.get(name) or {}).get("status") != "healthy"]
            if not sick:
                return
            missing = ", ".join(sick)
        time.sleep(0.3)
    raise CannotServe(f"not healthy after {START_SECONDS:.0f} s: {missing}; see the logs in {services.logs}")


def health(port: int) -> dict[str, dict[str, str]] | None:
    """The API server's health report, or None while it doesn't answer."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/api/v2/monitor/health", timeout=5) as answer:
            report = json.load(answer)
    except (OSError, ValueError):  # refused, reset, timed out, an HTTP error, half an answer
        return None
    return report if isinstance(report, dict) else None


def check_port(port: int) -> None:
    """Raises CannotServe when another program listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise CannotServe(f"port {port} can't be used ({error}); choose another with --port") from None


def airflow_command(*arguments: str) -> list[str]:
    """Airflow's command line under the Python that runs this module."""
    return [sys.executable, "-m", "airflow", *arguments]


def last_lines(path: Path, count: int = 15) -> str:
    """The last lines of a log file."""
    return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:])


def say(text: str) -> None:
    """Prints a line at once; a closed terminal is no reason to leave processes behind."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
