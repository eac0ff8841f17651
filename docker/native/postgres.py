"""What the postgres image does before it runs its command: makes the data folder, runs the init scripts."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from problem import Failed, Problem
from program import Program, require

INIT_SCRIPTS = "/docker-entrypoint-initdb.d/"
DATA = "/var/lib/postgresql/data"
USER = 65534  # any but root, as whom PostgreSQL refuses to run


def prepare(
    program: Program, service: Mapping[str, Any], folder: Path, places: Mapping[str, Path]
) -> Program:
    """Makes the data folder unless it is there, and returns the program with all that it needs to start.

    Raises Problem if PostgreSQL isn't installed or can't reach `folder`, and Failed if a command of it fails.
    """
    host, port, _ = service["ports"][0].split(":")
    data = places[DATA]
    environment = program.environment | {"PGDATA": str(data), "PGPORT": port}
    environment["PATH"] = f"{_binaries()}:{environment['PATH']}"
    prefix = _as_another_user(folder)
    if not (data / "PG_VERSION").exists():
        scripts = [str(place) for path, place in sorted(places.items()) if path.startswith(INIT_SCRIPTS)]
        _make_data_folder(data, host, environment, prefix, scripts)
    return program.changed(argv=[*prefix, *program.argv], environment=environment, workdir=data)


def _make_data_folder(
    data: Path, host: str, environment: dict[str, str], prefix: list[str], scripts: list[str]
) -> None:
    """All of it happens beside `data`, then is renamed: a start that was cut short leaves no half there."""
    unfinished = data.with_name(f"{data.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    with tempfile.TemporaryDirectory(prefix="pg") as sockets:  # the path of a socket must be short
        if prefix:
            for folder in (sockets, unfinished):
                os.chown(folder, USER, USER)
        secret = Path(environment["POSTGRES_PASSWORD_FILE"])
        settings = environment | {
            "PGDATA": str(unfinished),
            "PGHOST": sockets,
            "PGPASSWORD": secret.read_text(encoding="utf-8"),
        }

        def run(*command: str) -> None:
            # Its output goes to a file, which the server that pg_ctl starts may hold open.
            with tempfile.TemporaryFile("w+") as output:
                done = subprocess.run(
                    [*prefix, *command],
                    env=settings,
                    cwd=unfinished,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                )
                if done.returncode != 0:
                    output.seek(0)
                    raise Failed(f"{command[0]} failed", str(unfinished), output.read().strip())

        # --auth-host is the image's; with it, what POSTGRES_INITDB_ARGS says of local connections.
        options = ["--auth-host=scram-sha-256", *shlex.split(environment.get("POSTGRES_INITDB_ARGS", ""))]
        run("initdb", f"--username={environment['POSTGRES_USER']}", f"--pwfile={secret}", *options)
        with open(unfinished / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(f"listen_addresses = '{host}'\nunix_socket_directories = ''\n")
        # As in the image: nobody can connect by TCP before the databases are there.
        only_socket = f"--options=-c listen_addresses= -c unix_socket_directories={sockets}"
        run("pg_ctl", "--wait", only_socket, "start")
        try:
            for script in scripts:
                run("sh", script)
        finally:
            run("pg_ctl", "--wait", "--mode=fast", "stop")
    unfinished.rename(data)


def _binaries() -> Path:
    """The folder of the newest PostgreSQL here that knows psql's getenv (15 or later). Raises Problem."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if int(path.parent.name) >= 15]
    if found:
        return max(found, key=lambda path: int(path.parent.name))
    return Path(require("postgres")).resolve().parent


def _as_another_user(folder: Path) -> list[str]:
    """As root: opens the way to the server's files in `folder`; returns what runs a command as another user.

    Raises Problem if that user can't reach the folder.
    """
    if os.geteuid() != 0:
        return []
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            raise Problem(
                "PostgreSQL doesn't run as root, and another user can't reach the folder",
                f"--folder {folder}: {parent} is closed to others",
                "choose a folder elsewhere, or run this as another user than root",
            )
    for path in (folder / "secrets").glob("*_password"):
        os.chown(path, USER, USER)
    for inside in (folder, folder / "secrets", folder / "volumes"):
        inside.chmod(inside.stat().st_mode | 0o001)
    return [require("setpriv"), f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
