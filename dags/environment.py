"""Where things are, and which environment variables Airflow and the nodes get; imports no Airflow."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# What a node's exit code says besides 0 (done) and anything else (failed, worth a retry)
EXIT_BAD_INPUT = 78
EXIT_SKIPPED = 99

# A node sees these and nothing else of Airflow's environment, which holds keys and database passwords.
PASSED = {
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
    "GOOGLE_APPLICATION_CREDENTIALS",
}
PASSED_PREFIXES = ("UPCYCLE_", "CUDA_", "NVIDIA_", "TF_", "XLA_")


def upcycle_home() -> Path:
    """The folder of all runs: $UPCYCLE_HOME, else ./runs (absolute)."""
    return Path(os.environ.get("UPCYCLE_HOME") or "runs").absolute()


def detectors_dir() -> Path:
    """The folder of the detector files: $UPCYCLE_DETECTORS, else detectors/ of this checkout."""
    return Path(os.environ.get("UPCYCLE_DETECTORS") or ROOT / "detectors").absolute()


def ml_python() -> str:
    """The Python of the ML environment: $UPCYCLE_ML_PYTHON, else .venv of this checkout."""
    return os.environ.get("UPCYCLE_ML_PYTHON") or str(ROOT / ".venv" / "bin" / "python")


def node_environment(extra_names: Iterable[str] = ()) -> dict[str, str]:
    """The environment of a node: the allow-listed variables, and `extra_names` where they are set."""
    wanted = PASSED | set(extra_names)
    passed = {k: v for k, v in os.environ.items() if k in wanted or k.startswith(PASSED_PREFIXES)}
    return passed | {"UPCYCLE_HOME": str(upcycle_home()), "PYTHONUNBUFFERED": "1"}


def airflow_settings(airflow_home: Path, port: int) -> dict[str, str]:
    """Airflow's settings as environment variables; a database that is already configured is kept.

    There is no log-in (every visitor is admin), so nothing may listen on anything but loopback.
    """
    url = f"http://127.0.0.1:{port}"
    python_path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {
        "AIRFLOW_HOME": str(airflow_home),
        "PYTHONPATH": os.pathsep.join(python_path),
        "UPCYCLE_HOME": str(upcycle_home()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "4",  # LocalExecutor's default keeps 32 workers alive
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__API_AUTH__JWT_SECRET": _secret(airflow_home / "jwt-secret"),
        "AIRFLOW__API__SECRET_KEY": _secret(airflow_home / "api-secret"),
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow_home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    database = os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN")
    settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database or sqlite_url(airflow_home)
    return settings


def sqlite_url(airflow_home: Path) -> str:
    """Makes the SQLite file in WAL mode (readers don't block the writer; the mode stays in the file)."""
    airflow_home.mkdir(parents=True, exist_ok=True)
    path = airflow_home / "airflow.db"
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    return f"sqlite:///{path}"


def apply(settings: Mapping[str, str]) -> None:
    """Sets `settings` in this process; must run before the first import of Airflow."""
    os.environ.update(settings)


def _secret(path: Path) -> str:
    """A secret that lives as long as the Airflow home, so that a restart keeps running tasks' tokens."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    value = secrets.token_urlsafe(48)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(value)
    return value
