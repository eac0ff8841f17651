"""`python -m dags.serve`: Airflow on this machine, on loopback only; Ctrl-C stops all of it.

`airflow standalone` would orphan its children on SIGTERM and open log servers to the network.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import json
import os
import signal
import socket
import sys
import time
import urllib.request
from types import FrameType

from dags import credentials, environment
from dags.services import CannotServe, Services

HOST = "127.0.0.1"
START_SECONDS = 180.0
PORT_SECONDS = 15.0  # what an Airflow that was killed a moment ago may take to let go of its port
DAEMONS = ("scheduler", "triggerer", "dag_processor")
# What the restart of a service costs a run: nothing, or little
PATIENCE = {
    # Else tasks that a killed scheduler had queued wait for 5 minutes
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    # Tasks wait 90 s for the API server; else they fail one after another, and all retries are gone
    "AIRFLOW__WORKERS__EXECUTION_API_RETRIES": "60",
    "AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX": "2",
    # The first answers of a server that has just started take more than the default, 5 s, where the machine
    # is busy; the same request again is then refused, and the attempt lost
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "30",
}
# Whoever starts the server may set these otherwise; the rest of its settings keep it closed and whole.
OWN_CHOICE = {
    "AIRFLOW__API__BASE_URL",  # what a reverse proxy in front is called
    "AIRFLOW__CORE__PARALLELISM",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL",
    *PATIENCE,
}


class Stopped(Exception):
    """SIGINT, SIGTERM or SIGHUP came."""


def main(argv: list[str] | None = None) -> int:
    """Serves until a signal comes (returns 0), or Airflow can't be kept running (returns 1)."""
    parser = argparse.ArgumentParser(prog="python -m dags.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=8080, help="the port of the web interface")
    parser.add_argument(
        "--no-login",
        dest="login",
        action="store_false",
        help="whoever reaches the port is admin, every other user of this machine too",
    )
    arguments = parser.parse_args(argv)
    port = arguments.port
    airflow_home = environment.upcycle_home() / ".airflow"
    services = Services(airflow_home / "service-logs", say)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_stopped)
    try:
        wait_for_port(port)
        chosen = {name: value for name, value in os.environ.items() if name in OWN_CHOICE}
        settings = environment.airflow_settings(airflow_home, port, login=arguments.login)
        environment.apply(PATIENCE | settings | chosen)
        start(services, port)
        say(f"Airflow is ready: http://{HOST}:{port}   (Ctrl-C stops it; logs: {services.logs})")
        if arguments.login:
            say(f"The log-in's passwords are in {credentials.password_file(airflow_home)}")
        while True:
            services.tend()
            time.sleep(1.0)
    except Stopped:
        say("stopping")
        return 0
    except (CannotServe, credentials.CredentialsError) as problem:
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
    services.run_to_end("db", "migrate", seconds=START_SECONDS)
    pools = str(environment.ROOT / "dags" / "pools.json")
    services.run_to_end("pools", "import", pools, seconds=START_SECONDS)
    say("starting the API server")
    services.start("api-server", "--host", HOST, "--port", str(port), "--workers", "1", "--proxy-headers")
    wait_for(services, port, ())
    say("starting the DAG processor, the triggerer and the scheduler")
    services.start("dag-processor")
    services.start("triggerer", "--skip-serve-logs")
    services.start("scheduler", "--skip-serve-logs")
    wait_for(services, port, DAEMONS)
    say(f"all healthy after {time.monotonic() - began:.0f} s")


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


def wait_for_port(port: int, seconds: float = PORT_SECONDS) -> None:
    """Returns once nothing listens on `port`; raises CannotServe if something still does after `seconds`.

    The processes of a server that was killed end a moment after it, and hold the port until then.
    """
    deadline = time.monotonic() + seconds
    told = False
    while True:
        try:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((HOST, port))
            return
        except (OSError, OverflowError) as error:
            in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if not in_use or time.monotonic() > deadline:
                raise CannotServe(
                    f"port {port} can't be used ({error}); choose another with --port"
                ) from None
        if not told:
            say(f"port {port} is in use; waiting up to {seconds:.0f} s for it")
            told = True
        time.sleep(0.2)


def say(text: str) -> None:
    """Prints a line at once; a closed terminal is no reason to leave processes behind."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
