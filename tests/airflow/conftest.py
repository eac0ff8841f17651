"""A real Airflow, started once a session: `.venv-airflow/bin/python -m pytest tests/airflow`.

Its database is PostgreSQL where that is installed, as for a team, else SQLite. Only loopback is used, and
every process ends with the session, also after a failure, Ctrl-C or a kill -9 of pytest itself.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow
    from tests.dags.fake_docker import FakeDocker
    from tests.dags.fake_kubernetes import FakeKubernetes

if importlib.util.find_spec("airflow") is None:  # the ML environment, where `make test` runs the other tests
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def airflow_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The settings for the databases of Airflow and of ML Metadata: PostgreSQL, or none for SQLite."""
    from tests.airflow.postgresql import NoPostgresql, create_database, postgresql

    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgresql(tmp_path_factory.mktemp("postgresql")))
        except NoPostgresql:
            yield {}
            return
        create_database(url, "airflow")
        yield {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url.replace("postgresql:", "postgresql+psycopg2:", 1)
            + "/airflow",
            "UPCYCLE_METADATA_URL": f"{url}/mlmd",
        }


@pytest.fixture(scope="session")
def airflow_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the Airflow of all tests lives."""
    return tmp_path_factory.mktemp("airflow")


@pytest.fixture(scope="session")
def docker(airflow_folder: Path) -> Iterator[FakeDocker]:
    """The engine that Airflow knows; it runs the stubs."""
    from tests.dags.fake_docker import FakeDocker

    with closing(FakeDocker(airflow_folder / "python", _of_the_stubs(airflow_folder))) as engine:
        yield engine


@pytest.fixture(scope="session")
def kubernetes(airflow_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeKubernetes]:
    """The cluster that Airflow knows; it runs the stubs."""
    from tests.dags.fake_kubernetes import FakeKubernetes

    own = tmp_path_factory.mktemp("kubernetes")
    with closing(FakeKubernetes(airflow_folder / "python", _of_the_stubs(airflow_folder), own)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def airflow_session(
    airflow_folder: Path,
    airflow_database: dict[str, str],
    docker: FakeDocker,
    kubernetes: FakeKubernetes,
) -> Iterator[Airflow]:
    """The Airflow of all tests; use `airflow`."""
    from tests.airflow.harness import running

    engines = {"DOCKER_HOST": docker.url, "AIRFLOW_CONN_KUBERNETES_DEFAULT": kubernetes.connection()}
    with running(airflow_folder, airflow_database | engines) as airflow:
        yield airflow


def _of_the_stubs(folder: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "UPCYCLE_STUB": str(folder)}


@pytest.fixture
def airflow(airflow_session: Airflow) -> Iterator[Airflow]:
    """A real Airflow that is ready; see harness.py. What the test leaves running is ended after it."""
    try:
        yield airflow_session
    finally:
        airflow_session.clean()
    assert airflow_session.nodes() == {}
