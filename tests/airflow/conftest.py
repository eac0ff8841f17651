"""A real Airflow, started once a session: `.venv-airflow/bin/python -m pytest tests/airflow`.

Its database is PostgreSQL where that is installed, as for a team, else SQLite. Only loopback is used, and
every process ends with the session, also after a failure, Ctrl-C or a kill -9 of pytest itself.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.airflow.harness import Airflow

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
def airflow_session(
    tmp_path_factory: pytest.TempPathFactory, airflow_database: dict[str, str]
) -> Iterator[Airflow]:
    """The Airflow of all tests; use `airflow`."""
    from tests.airflow.harness import running

    with running(tmp_path_factory.mktemp("airflow"), airflow_database) as airflow:
        yield airflow


@pytest.fixture
def airflow(airflow_session: Airflow) -> Iterator[Airflow]:
    """A real Airflow that is ready; see harness.py. What the test leaves running is ended after it."""
    try:
        yield airflow_session
    finally:
        airflow_session.clean()
    assert airflow_session.nodes() == {}
