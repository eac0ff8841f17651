from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

from dags import environment


def test_nodes_see_only_allowed_variables(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s")
    monkeypatch.setenv("PGPASSWORD", "s")
    monkeypatch.setenv("UPCYCLE_METADATA_URL", "postgresql://host/db")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("BUCKET", "b")
    seen = environment.node_environment()
    assert seen["UPCYCLE_METADATA_URL"] == "postgresql://host/db"
    assert seen["CUDA_VISIBLE_DEVICES"] == "1"
    assert not {"PGPASSWORD", "AIRFLOW__API_AUTH__JWT_SECRET", "BUCKET", "AIRFLOW_HOME"} & seen.keys()
    assert environment.node_environment(["BUCKET", "UNSET"])["BUCKET"] == "b"


def test_home_is_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UPCYCLE_HOME")
    assert environment.upcycle_home() == tmp_path / "runs"
    monkeypatch.setenv("UPCYCLE_HOME", "elsewhere")
    assert environment.node_environment()["UPCYCLE_HOME"] == str(tmp_path / "elsewhere")


def test_settings_keep_secrets_private_and_between_starts(tmp_path, monkeypatch):
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    first = environment.airflow_settings(tmp_path / "airflow", 8080)
    again = environment.airflow_settings(tmp_path / "airflow", 8081)
    assert len(first["AIRFLOW__API_AUTH__JWT_SECRET"]) == 64
    assert first["AIRFLOW__API_AUTH__JWT_SECRET"] == again["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert first["AIRFLOW__API__SECRET_KEY"] != first["AIRFLOW__API_AUTH__JWT_SECRET"]
    assert stat.S_IMODE((tmp_path / "airflow" / "jwt-secret").stat().st_mode) == 0o600
    assert again["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"


def test_database_is_sqlite_in_wal_mode_unless_one_is_configured(tmp_path, monkeypatch):
    monkeypatch.delenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    url = environment.airflow_settings(tmp_path, 8080)["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert url == f"sqlite:///{tmp_path}/airflow.db"
    with sqlite3.connect(Path(url.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://h/d")
    settings = environment.airflow_settings(tmp_path, 8080)
    assert settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == "postgresql+psycopg2://h/d"
