"""A PostgreSQL server for tests: on loopback, in a folder of its own, and gone afterwards."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from dags.child import die_with
from tests.ports import free_port

NOBODY = 65534
USER = "ann"


class NoPostgresql(Exception):
    """PostgreSQL can't be started on this machine; the message says why."""


@contextmanager
def postgresql(folder: Path, password: str = "p@ss/word") -> Iterator[str]:
    """Yields `postgresql://USER:PASSWORD@127.0.0.1:PORT`, to which a database's name is added.

    Raises NoPostgresql where the server's binaries are missing. Root starts it as somebody else.
    """
    initdb = _initdb()
    prefix = _as_nobody(folder) if os.geteuid() == 0 else []
    (folder / "password").write_text(password, encoding="utf-8")
    (folder / "password").chmod(0o644)
    made = ["-D", str(folder / "data"), "-U", USER, "-A", "password", f"--pwfile={folder / 'password'}"]
    subprocess.run([*prefix, str(initdb), *made, "--no-sync"], check=True, capture_output=True, cwd=folder)
    port = free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "fsync": "off",
        "unix_socket_directories": folder,
    }
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                *prefix,
                str(initdb.with_name("postgres")),
                "-D",
                str(folder / "data"),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # a terminal's Ctrl-C is for the test, which then ends it
            preexec_fn=die_with(os.getpid()),
        )
    try:
        _wait_for(server, folder / "data", folder / "log")
        yield f"postgresql://{USER}:{quote(password, safe='')}@127.0.0.1:{port}"
        assert server.poll() is None, f"PostgreSQL ended with {server.returncode}:\n{_tail(folder / 'log')}"
    finally:
        server.send_signal(signal.SIGINT)  # clients that are still there are cut off
        try:
            server.wait(timeout=30)
        finally:
            server.kill()


def create_database(url: str, name: str) -> None:
    """Makes the database `name` on the server at `url`."""
    import psycopg2

    connection = psycopg2.connect(f"{url}/postgres")
    try:
        connection.autocommit = True
        connection.cursor().execute(f'CREATE DATABASE "{name}"')
    finally:
        connection.close()


def _initdb() -> Path:
    found = shutil.which("initdb")
    binaries = [Path(found)] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not binaries:
        raise NoPostgresql("PostgreSQL is not installed (no initdb in PATH or /usr/lib/postgresql/*/bin)")
    return binaries[-1]


def _as_nobody(folder: Path) -> list[str]:
    """The server refuses to run as root: the command that makes somebody else of it."""
    if shutil.which("setpriv") is None:
        raise NoPostgresql("root needs setpriv to start PostgreSQL as somebody else")
    for parent in [folder, *folder.parents]:
        if parent.stat().st_uid == os.geteuid() and not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o011)
    os.chown(folder, NOBODY, NOBODY)
    # A change of user takes back what `die_with` asked for
    return [
        "setpriv",
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        "--pdeathsig=INT",
    ]


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])


def _wait_for(server: subprocess.Popen[bytes], data: Path, log: Path) -> None:
    """Until it takes connections; the port alone is open before that, and answers "starting up"."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text(encoding="utf-8", errors="replace")
        with contextlib.suppress(FileNotFoundError):
            lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
            if len(lines) >= 8 and lines[7].strip() == "ready":
                return
        time.sleep(0.1)
    raise AssertionError("PostgreSQL isn't ready: " + log.read_text(encoding="utf-8", errors="replace"))
