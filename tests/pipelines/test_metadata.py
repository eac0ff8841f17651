"""Where metadata goes; and a run over a real PostgreSQL server that the test starts and ends."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from detection.errors import BadInput
from pipelines.metadata import connection_config, metadata_address
from tests.airflow.postgresql import NoPostgresql
from tests.airflow.postgresql import postgresql as start_postgresql

PASSWORD = "p@ss/word"
ESCAPED = "p%40ss%2Fword"


def test_sqlite_is_the_default(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "metadata.sqlite"
    config = connection_config(file, planned=f"sqlite:///{file}")
    assert config.sqlite.filename_uri == str(file)
    assert file.parent.is_dir()


def test_postgresql_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPCYCLE_METADATA_URL", f"postgresql://ann:{ESCAPED}@db.local:5433/mlmd")
    server = connection_config(tmp_path / "x").postgresql
    assert (server.host, server.port, server.dbname) == ("db.local", "5433", "mlmd")
    assert (server.user, server.password) == ("ann", PASSWORD)
    assert metadata_address(tmp_path / "x") == "postgresql://db.local:5433/mlmd"


def test_mysql_and_default_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPCYCLE_METADATA_URL", "mysql://ann:secret@db.local/mlmd")
    server = connection_config(tmp_path / "x").mysql
    assert (server.host, server.port, server.database, server.user) == ("db.local", 3306, "mlmd", "ann")


@pytest.mark.parametrize(
    "url", ["sqlite:///x", "postgresql://host", "postgresql://u:secret@host:port/db", "nonsense"]
)
def test_bad_addresses_are_refused_without_showing_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("UPCYCLE_METADATA_URL", url)
    with pytest.raises(BadInput) as caught:
        connection_config(tmp_path / "x")
    assert "secret" not in str(caught.value)
    assert "postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in caught.value.fix


def test_a_store_other_than_planned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="another metadata store"):
        connection_config(tmp_path / "x", planned="postgresql://db.local:5432/mlmd")


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL server on loopback; yields the URL of a database that ML Metadata makes."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(start_postgresql(tmp_path_factory.mktemp("postgresql"), PASSWORD))
        except NoPostgresql as missing:
            pytest.skip(str(missing))
        yield f"{url}/mlmd"


def test_a_run_over_postgresql(
    postgresql: str,
    monkeypatch: pytest.MonkeyPatch,
    make_tiny_plan: Callable[..., Path],
    start_node: Callable[..., subprocess.Popen[str]],
) -> None:
    monkeypatch.setenv("UPCYCLE_METADATA_URL", postgresql)
    plans = [make_tiny_plan("run-1"), make_tiny_plan("run-2")]
    for run_dir, how in zip(plans, ("done in", "from the cache"), strict=True):
        stdout, stderr = start_node(run_dir, "ExampleGen").communicate(timeout=300)
        assert f"ExampleGen: {how}" in stdout, stderr
    assert not (plans[0].parents[1] / "metadata.sqlite").exists()
    for file in plans[0].parents[1].rglob("*"):
        if file.is_file():
            text = file.read_text(errors="replace")
            assert PASSWORD not in text and ESCAPED not in text, f"{file} holds the password"

    monkeypatch.delenv("UPCYCLE_METADATA_URL")
    process = start_node(plans[0], "Pusher")
    assert "give all processes of a run the same UPCYCLE_METADATA_URL" in process.communicate(timeout=300)[1]
    assert process.returncode == 78
