"""docker/native starts what compose.yaml says, on this machine: all of it is started, asked and ended."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import postgres
import pytest
from composefile import read_settings
from problem import Failed, Problem
from processes import Processes
from program import ROOT, Program, on_this_machine, program

from tests.ports import free_ports

NATIVE = ROOT / "docker" / "native"
AIRFLOW_PYTHON = ROOT / ".venv-airflow" / "bin" / "python"
LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


class Native:
    """`python docker/native` as a child, with its output."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        names = ("AIRFLOW", "POSTGRES", "TENSORBOARD")
        self.ports = dict(zip(names, free_ports(3), strict=True))
        settings = {f"UPCYCLE_{name}_PORT": str(port) for name, port in self.ports.items()}
        passed = {
            name: value for name, value in os.environ.items() if not name.startswith(("UPCYCLE", "AIRFLOW"))
        }
        self.process = subprocess.Popen(
            [sys.executable, NATIVE, "--folder", folder],
            env=passed | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.settings = settings
        self.output: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.output.extend(iter(self.process.stdout.readline, ""))

    def wait_for_line(self, line: str, seconds: float = 900) -> None:
        deadline = time.monotonic() + seconds
        while f"{line}\n" not in self.output:
            assert self.process.poll() is None, self.told()
            assert time.monotonic() < deadline, self.told()
            time.sleep(0.2)

    def told(self) -> str:
        """What it and its programs said, for a failed assertion."""
        logs = [
            f"== {log.name}\n{log.read_text(errors='replace')[-1500:]}" for log in self.folder.glob("logs/*")
        ]
        return "".join([*self.output, *logs])

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(180)
        self._reader.join(30)
        return code

    def url(self, name: str, path: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}{path}"


@pytest.fixture
def native() -> Iterator[Native]:
    """A folder of its own: pytest's are closed to the other user as whom PostgreSQL runs under root."""
    postgresql_or_skip()
    with tempfile.TemporaryDirectory(prefix="native-") as folder:
        os.chmod(folder, 0o711)
        started = Native(Path(folder) / "native")
        yield started
        started.stop()


def postgresql_or_skip() -> None:
    try:
        postgres._binaries()
    except Problem:
        pytest.skip("PostgreSQL 15 or later is not installed")


def descendants(pid: int) -> set[int]:
    """All processes that `pid` has started, and those that these have started."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


def left_of(pids: set[int], folder: Path) -> dict[int, str]:
    """What still runs of `pids`, and whatever names `folder`, up to 30 s after the end."""
    deadline = time.monotonic() + 30
    while True:
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                ours = int(path.name) in pids or str(folder) in command
                if ours and int(path.name) != os.getpid() and command:
                    found[int(path.name)] = command
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.2)


def listening(pids: set[int]) -> list[tuple[str, int]]:
    """Addresses (as in /proc/net/tcp) and ports at which the processes accept connections."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                inodes.add(os.readlink(descriptor).removeprefix("socket:[").removesuffix("]"))
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in inodes:
                address, port = local.split(":")
                found.append((address, int(port, 16)))
    return found


class Api:
    """Airflow's REST API, with the log-in's password from where Airflow keeps it."""

    def __init__(self, native: Native) -> None:
        self.native = native
        passwords = native.folder / "volumes" / "runs" / ".airflow" / "passwords.json"
        user, password = next(iter(json.loads(passwords.read_text()).items()))
        self.token = self.call("/auth/token", {"username": user, "password": password})["access_token"]

    def call(self, path: str, body: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(
            self.native.url("AIRFLOW", path),
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {self.token}"} if body is None else {}),
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)


def query(url: str, sql: str) -> list[list[Any]]:
    """What Airflow's own driver gets from a database; fails as that driver does."""
    code = (
        "import json, psycopg2, sys\n"
        "with psycopg2.connect(sys.argv[1]) as connection, connection.cursor() as cursor:\n"
        "    cursor.execute(sys.argv[2])\n"
        "    print(json.dumps(cursor.fetchall()))\n"
    )
    done = subprocess.run([AIRFLOW_PYTHON, "-c", code, url, sql], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows: list[list[Any]] = json.loads(done.stdout)
    return rows


@pytest.mark.timeout(1500)
def test_compose_yaml_runs_natively(native: Native, monkeypatch: pytest.MonkeyPatch) -> None:
    native.wait_for_line("ready")
    started = descendants(native.process.pid)
    settings = read_settings(native.folder / ".env", native.settings)

    # Airflow has a DAG for each detector, and knows of no error.
    api = Api(native)
    expected = {
        f"{kind}_{path.stem}" for path in ROOT.glob("detectors/*.yaml") for kind in ("retrain", "rollback")
    }
    deadline = time.monotonic() + 120
    while not expected <= (known := {dag["dag_id"] for dag in api.call("/api/v2/dags")["dags"]}):
        assert time.monotonic() < deadline, f"{expected - known} missing; {native.told()}"
        time.sleep(0.5)
    assert api.call("/api/v2/importErrors")["total_entries"] == 0

    # Its database is the first one, which its owner alone may open.
    address = settings["AIRFLOW_DATABASE_URL"].replace("+psycopg2", "")
    assert query(address, "select count(*) from dag where dag_id = 'retrain_demo'") == [[1]]
    assert query(address, "select current_user, version() like 'PostgreSQL %'") == [["airflow", True]]
    assert not list((native.folder / "volumes" / "runs").rglob("*.db"))
    with pytest.raises(AssertionError, match="permission denied for database"):
        query(settings["METADATA_URL"].removesuffix("metadata") + "airflow", "select 1")
    with pytest.raises(AssertionError, match="password authentication failed"):
        query(address.replace(settings["AIRFLOW_PASSWORD"], "wrong"), "select 1")

    # ML Metadata's is the second one.
    from ml_metadata import metadata_store, proto

    from pipelines.metadata import connection_config, metadata_address

    monkeypatch.setenv("UPCYCLE_METADATA_URL", settings["METADATA_URL"])
    assert metadata_address(Path("none")) == f"postgresql://127.0.0.1:{native.ports['POSTGRES']}/metadata"
    store = metadata_store.MetadataStore(connection_config(Path("none")))
    store.put_artifact_type(proto.ArtifactType(name="Proof"))
    assert [kind.name for kind in store.get_artifact_types()] == ["Proof"]
    assert query(settings["METADATA_URL"], "select name from type where name = 'Proof'") == [["Proof"]]
    del store

    # TensorBoard reads the folder of the runs.
    with urllib.request.urlopen(native.url("TENSORBOARD", "/data/environment"), timeout=60) as answer:
        assert json.load(answer)["data_location"] == str(native.folder / "volumes" / "runs")

    # Nothing listens on the network, and every service does on loopback.
    addresses = listening(descendants(native.process.pid))
    assert {address for address, _ in addresses} <= LOOPBACK
    assert set(native.ports.values()) <= {port for _, port in addresses}

    # No command line shows a secret.
    secrets = [value for name, value in settings.items() if name.endswith("_PASSWORD")]
    commands = b"".join(
        path.read_bytes() for pid in started for path in [Path(f"/proc/{pid}/cmdline")] if path.exists()
    ).decode(errors="replace")
    assert "dags.serve" in commands and not any(secret in commands for secret in secrets)

    # SIGTERM ends all of it; the databases are closed cleanly.
    started |= descendants(native.process.pid)
    assert native.stop() == 0, native.told()
    assert left_of(started, native.folder) == {}
    assert native.output[-1] == "stopped\n"
    control = subprocess.run(
        [postgres._binaries() / "pg_controldata", native.folder / "volumes" / "postgres"],
        env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Database cluster state:               shut down\n" in control
    assert "Data page checksum version:           1\n" in control
    assert sorted(path.name for path in (native.folder / "volumes").iterdir()) == ["postgres", "runs"]


def test_a_start_that_is_cut_short_leaves_no_half_of_a_database(native: Native) -> None:
    unfinished = native.folder / "volumes" / "postgres.unfinished"
    deadline = time.monotonic() + 120
    while not unfinished.exists():
        assert native.process.poll() is None and time.monotonic() < deadline, native.told()
        time.sleep(0.02)
    assert native.stop() == 0
    assert left_of(set(), native.folder) == {}
    assert not list((native.folder / "volumes" / "postgres").iterdir())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (None, "make_env.sh"),
        (("cpu", "cpu,serving"), "leave the profile of serving out"),
        (("METADATA_URL=", "OTHER="), "METADATA_URL is not set"),
    ],
)
def test_bad_input_is_told_without_a_traceback(
    tmp_path: Path, change: tuple[str, str] | None, said: str
) -> None:
    file = tmp_path / "env"
    if change is not None:
        text = (ROOT / "docker" / "env.example").read_text().replace("_PASSWORD=\n", "_PASSWORD=x\n")
        file.write_text(text.replace(*change))
    done = subprocess.run(
        [sys.executable, NATIVE, "--folder", tmp_path / "x", "--env-file", file],
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 78, done.stderr
    assert said in done.stderr and "fix:" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="another user than root has no trouble with its folders")
def test_a_folder_that_postgresql_cant_reach_is_refused(tmp_path: Path) -> None:
    postgresql_or_skip()
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    done = subprocess.run(
        [sys.executable, NATIVE, "--folder", closed / "x"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 78, done.stderr
    assert "closed to others" in done.stderr and "fix:" in done.stderr
    assert closed.stat().st_mode & 0o777 == 0o700


def test_paths_of_the_container_become_paths_of_this_machine() -> None:
    places = {"/app": Path("/here"), "/app/detectors": Path("/app/d"), "/run": Path("/r")}
    assert on_this_machine("--a=/app/detectors:/app/dags", places) == "--a=/app/d:/here/dags"
    assert on_this_machine("/apple x/app /run-time", places) == "/apple x/app /run-time"


def test_a_program_is_what_compose_and_dockerfile_say(tmp_path: Path) -> None:
    service = {
        "build": {"context": "..", "dockerfile": "docker/Dockerfile.ml", "target": "ml"},
        "command": ["python", "--x=/upcycle/runs"],
        "environment": {"KEY_FILE": "/run/secrets/key"},
        "volumes": ["runs:/upcycle/runs:ro"],
        "healthcheck": {"test": ["CMD", "upcycle-health", "u"], "start_interval": "2s"},
    }
    made = program("x", service, tmp_path)
    runs = str(tmp_path / "volumes" / "runs")
    assert made.argv == ["upcycle-entrypoint", "python", f"--x={runs}"]
    assert made.environment["KEY_FILE"] == str(tmp_path / "secrets" / "key")
    assert made.environment["UPCYCLE_HOME"] == runs and made.environment["PYTHONPATH"] == str(ROOT)
    assert made.environment["PATH"].split(":")[:2] == [str(tmp_path / "bin"), str(ROOT / ".venv/bin")]
    assert (made.workdir, made.stop_signal, made.grace) == (ROOT, "SIGTERM", 10.0)


def test_a_service_that_ends_or_never_gets_well_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processes.HEALTHY_SECONDS", 0.5)
    environment = {"PATH": os.environ["PATH"]}
    logs = tmp_path / "logs"
    logs.mkdir()

    def made(name: str, script: str) -> Program:
        argv, health = ["sh", "-c", script], ["sh", "-c", "echo not yet; exit 1"]
        return Program(name, argv, environment, tmp_path, health, 0.1, "SIGTERM", 0.5)

    running = Processes(logs)
    # It ignores SIGTERM, and so does its child: KILL to the group ends both.
    stubborn = made("stubborn", "trap '' TERM; sleep 1234.5 & echo $!; wait")
    running.start(stubborn)
    with pytest.raises(Failed, match="(?s)stubborn isn't healthy.*not yet"):
        running.wait_until_healthy(stubborn)
    child = int(running.log_of(stubborn).read_text())
    running.start(made("short", "echo disk full; exit 3"))
    deadline = time.monotonic() + 30
    with pytest.raises(Failed, match="(?s)short ended with 3.*disk full"):
        while time.monotonic() < deadline:
            running.check()
            time.sleep(0.05)
    running.stop()
    assert left_of({child}, tmp_path) == {}
