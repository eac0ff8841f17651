from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading

import pytest
from sqlalchemy import create_engine, text

from dags import credentials, environment


def test_nodes_see_only_allowed_variables(monkeypatch):
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "s")
    monkeypatch.setenv("PGPASSWORD", "s")
    monkeypatch.setenv("UPCYCLE_METADATA_URL", "postgresql://host/db")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("BUCKET", "b")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "k")
    monkeypatch.setenv("AWS_EXECUTION_ENV", "e")
    seen = environment.node_environment()
    assert seen["UPCYCLE_METADATA_URL"] == "postgresql://host/db"
    assert seen["CUDA_VISIBLE_DEVICES"] == "1"
    assert seen["AWS_SECRET_ACCESS_KEY"] == "k" and "AWS_EXECUTION_ENV" not in seen
    assert not {"PGPASSWORD", "AIRFLOW__API_AUTH__JWT_SECRET", "BUCKET", "AIRFLOW_HOME"} & seen.keys()
    assert environment.node_environment(["BUCKET", "UNSET"])["BUCKET"] == "b"


def test_home_is_absolute(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("UPCYCLE_HOME")
    assert environment.upcycle_home() == tmp_path / "runs"
    monkeypatch.setenv("UPCYCLE_HOME", "elsewhere")
    assert environment.node_environment()["UPCYCLE_HOME"] == str(tmp_path / "elsewhere")


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch):
    for name in [name for name in os.environ if name.startswith("AIRFLOW__")]:
        monkeypatch.delenv(name)


KEYS = ("AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__CORE__FERNET_KEY")


def test_keys_stay_private_and_between_starts(tmp_path):
    home = tmp_path / "runs" / ".airflow"
    first = environment.airflow_settings(home, 8080)
    again = environment.airflow_settings(home, 8081)
    assert [len(first[name]) for name in KEYS] == [64, 64, 44]  # as JWT's SHA-512 and Fernet want them
    assert len({first[name] for name in KEYS}) == 3
    assert {name: first[name] for name in KEYS} == {name: again[name] for name in KEYS}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    files = [home / name for name in ("jwt-secret", "api-secret", "fernet-key")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert {file.name for file in home.iterdir()} == {file.name for file in files} | {"airflow.db"}
    assert again["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"


def test_the_fernet_key_can_encrypt(tmp_path):
    from cryptography.fernet import Fernet

    fernet = Fernet(environment.airflow_settings(tmp_path, 8080)["AIRFLOW__CORE__FERNET_KEY"])
    assert fernet.decrypt(fernet.encrypt(b"password")) == b"password"


def test_configured_keys_are_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "new,old")
    monkeypatch.setenv("AIRFLOW__API_AUTH__JWT_SECRET_CMD", "cat /run/secrets/jwt")
    settings = environment.airflow_settings(tmp_path, 8080)
    assert not settings.keys() & {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"}


def test_a_home_whose_fernet_key_is_in_its_airflow_cfg_keeps_it(tmp_path):
    (tmp_path / "airflow.cfg").write_text("[core]\nfernet_key = k\n")
    assert "AIRFLOW__CORE__FERNET_KEY" not in environment.airflow_settings(tmp_path, 8080)


def test_without_login_everybody_is_admin(tmp_path):
    settings = environment.airflow_settings(tmp_path, 8080)
    assert settings["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True"
    assert environment.USERS not in settings and not credentials.password_file(tmp_path).exists()


def test_login_has_one_user_with_a_password_of_its_own(tmp_path):
    settings = environment.airflow_settings(tmp_path, 8080, login=True)
    assert settings["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "False"
    assert settings[environment.USERS] == "admin:admin"
    file = credentials.password_file(tmp_path)
    assert settings[environment.PASSWORDS_FILE] == str(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = json.loads(file.read_text())["admin"]
    assert len(password) == 24 and password not in str(settings)
    environment.airflow_settings(tmp_path, 8080, login=True)
    assert json.loads(file.read_text()) == {"admin": password}


def test_configured_users_get_passwords_too(tmp_path, monkeypatch):
    environment.airflow_settings(tmp_path, 8080, login=True)
    file = credentials.password_file(tmp_path)
    before = json.loads(file.read_text())
    monkeypatch.setenv(environment.USERS, "admin:admin, kim:viewer")
    settings = environment.airflow_settings(tmp_path, 8080, login=True)
    after = json.loads(file.read_text())
    assert settings[environment.USERS] == "admin:admin, kim:viewer"
    assert set(after) == {"admin", "kim"} and after["admin"] == before["admin"] != after["kim"]


def test_an_unreadable_password_file_is_said(tmp_path):
    credentials.password_file(tmp_path).write_text("hunter2")
    with pytest.raises(credentials.CredentialsError, match="passwords.json\n  fix:") as caught:
        environment.airflow_settings(tmp_path, 8080, login=True)
    assert "hunter2" not in str(caught.value)


def test_database_is_sqlite_in_wal_mode_unless_one_is_configured(tmp_path, monkeypatch):
    url = environment.airflow_settings(tmp_path, 8080)[environment.DATABASE]
    assert url == f"sqlite:///{tmp_path}/airflow.db?timeout=60"
    with sqlite3.connect(tmp_path / "airflow.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    for way in environment.WAYS:
        monkeypatch.setenv(environment.DATABASE + way, "postgresql+psycopg2://h/d")
        assert environment.DATABASE not in environment.airflow_settings(tmp_path, 8080)
        environment.forget(environment.DATABASE)
        assert environment.DATABASE in environment.airflow_settings(tmp_path, 8080)


def test_a_writer_waits_for_another_longer_than_sqlite_would_by_itself(tmp_path):
    holder = sqlite3.connect(tmp_path / "airflow.db", isolation_level=None, check_same_thread=False)
    engine = create_engine(environment.sqlite_url(tmp_path))
    holder.execute("CREATE TABLE words (word TEXT)")
    holder.execute("BEGIN IMMEDIATE")
    release = threading.Timer(6.0, holder.execute, ("COMMIT",))
    release.start()
    try:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO words VALUES ('late')"))
    finally:
        release.join()
        engine.dispose()
    assert holder.execute("SELECT word FROM words").fetchall() == [("late",)]
    holder.close()
