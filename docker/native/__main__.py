"""`python docker/native`: what compose.yaml says, run on this machine without a container engine.

Images, commands, environment, secrets, volumes and health checks come from compose.yaml and the Dockerfiles;
the paths of the containers become paths under --folder, this checkout and its environments. SIGTERM or Ctrl-C
ends all of it. It needs PostgreSQL 15 or later, and the environments of `make install`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import postgres
from composefile import read_compose, read_settings, start_order
from problem import Failed, Problem
from processes import Processes
from program import COMPOSE, image_of, is_postgres, lay_out, places_of, program

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """A signal came."""


def main(argv: list[str] | None = None) -> int:
    """Runs until a signal comes (returns 0) or something fails (1, or 78 for bad input)."""
    parser = argparse.ArgumentParser(
        prog="python docker/native", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="where volumes, secrets and logs go")
    parser.add_argument("--env-file", type=Path, help="settings; if left out, FOLDER/.env, made if missing")
    options = parser.parse_args(argv)
    folder = options.folder.resolve()
    processes = Processes(folder / "logs")
    for number in SIGNALS:
        signal.signal(number, _raise_stopped)
    try:
        make_folder(folder)
        start(folder, options.env_file or make_settings(folder), processes)
        say("ready")
        while True:
            processes.check()
            time.sleep(1.0)
    except Stopped:
        say("stopping")
        return 0
    except Problem as problem:
        print(problem, file=sys.stderr, flush=True)
        return problem.exit_code
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        processes.stop()
        say("stopped")


def start(folder: Path, env_file: Path, processes: Processes) -> None:
    """Starts every service, each when those that it depends on are healthy, and waits for all of them."""
    settings = read_settings(env_file, os.environ)
    compose = read_compose(COMPOSE, settings)
    services = compose["services"]
    lay_out(folder, compose, settings)
    programs = {}
    for name in start_order(services):
        service = services[name]
        programs[name] = program(name, service, folder)
        if is_postgres(service):
            places = places_of(service, image_of(name, service), folder)
            programs[name] = postgres.prepare(programs[name], service, folder, places)
        for needed in service.get("depends_on", {}):
            processes.wait_until_healthy(programs[needed])
        say(f"starting {name}")
        processes.start(programs[name])
    for each in programs.values():
        processes.wait_until_healthy(each)
        say(f"{each.name} is healthy")


def make_folder(folder: Path) -> None:
    """Makes the folder for everything. Raises Problem."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"the folder can't be made: {error.strerror}", str(folder), "give another --folder"
        ) from None


def make_settings(folder: Path) -> Path:
    """FOLDER/.env, made by make_env.sh if it is missing."""
    file = folder / ".env"
    if not file.exists():
        done = subprocess.run(
            ["sh", str(COMPOSE.with_name("make_env.sh")), str(file)], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise Failed("the settings can't be made", str(file), done.stderr.strip())
    return file


def say(text: str) -> None:
    """Prints a line at once."""
    print(text, flush=True)


def _raise_stopped(number: int, frame: FrameType | None) -> None:
    raise Stopped


if __name__ == "__main__":
    sys.exit(main())
