"""Where things are, and which environment variables Airflow and the nodes get; imports no Airflow."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

from dags.credentials import key, make_private, passwords

ROOT = Path(__file__).resolve().parents[1]

# What a node's exit code says besides 0 (done) and anything else (failed, worth a retry)
EXIT_BAD_INPUT = 78
EXIT_SKIPPED = 99

USERS = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"
PASSWORDS_FILE = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"
DATABASE = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
WAYS = (
    "",
    "_CMD",
    "_SECRET",
)  # how a setting of Airflow's can be given: itself, a command, a secrets back end

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
}
# What the libraries for s3:// and gs:// read: who asks, and where the store is
PASSED_TO_STORES = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "CLOUDSDK_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
    "NO_GCE_CHECK",
    "STORAGE_EMULATOR_HOST",
}
PASSED_PREFIXES = ("UPCYCLE_", "CUDA_", "NVIDIA_", "TF_", "XLA_")
WITHHELD = {"UPCYCLE_SMTP_URL"}  # holds the alerts' password


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
    wanted = PASSED | PASSED_TO_STORES | set(extra_names)
    names = {name for name in os.environ if name in wanted or name.startswith(PASSED_PREFIXES)} - WITHHELD
    passed = {name: os.environ[name] for name in names}
    return passed | {"UPCYCLE_HOME": str(upcycle_home()), "PYTHONUNBUFFERED": "1"}


def airflow_settings(airflow_home: Path, port: int, *, login: bool = False) -> dict[str, str]:
    """Airflow's settings as environment variables; database, keys and users that are configured are kept.

    Without `login` every visitor is admin. Either way nothing may listen on anything but loopback.
    Makes what is missing: the folder (mode 700), keys and passwords (mode 600). Raises CredentialsError.
    """
    make_private(airflow_home)
    url = f"http://127.0.0.1:{port}"
    python_path = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    settings = {
        "AIRFLOW_HOME": str(airflow_home),
        "PYTHONPATH": os.pathsep.join(python_path),
        "UPCYCLE_HOME": str(upcycle_home()),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "dags" / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGBAG_IMPORT_ERROR_TRACEBACKS": "False",  # a broken YAML's message says it all
        "AIRFLOW__CORE__PARALLELISM": "4",  # LocalExecutor's default keeps 32 workers alive
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": str(not login),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__EXPOSE_CONFIG": "False",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(airflow_home / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    if not _is_configured(DATABASE):
        settings[DATABASE] = sqlite_url(airflow_home)
    if login:
        users = os.environ.get(USERS) or "admin:admin"
        settings |= {USERS: users, PASSWORDS_FILE: str(passwords(airflow_home, users))}
    return settings | _keys(airflow_home)


def sqlite_url(airflow_home: Path) -> str:
    """Makes the SQLite file in WAL mode (readers don't block the writer; the mode stays in the file).

    Writers wait for each other for a minute. By default they give up after five seconds, and a trigger on
    a busy machine is answered with "Database error".
    """
    airflow_home.mkdir(parents=True, exist_ok=True)
    path = airflow_home / "airflow.db"
    connection = sqlite3.connect(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()
    return f"sqlite:///{path}?timeout=60"


def apply(settings: Mapping[str, str]) -> None:
    """Sets `settings` in this process; must run before the first import of Airflow."""
    os.environ.update(settings)


def forget(name: str) -> None:
    """Takes one of Airflow's settings out of this process's environment, however it was given."""
    for way in WAYS:
        os.environ.pop(name + way, None)


def _is_configured(name: str) -> bool:
    return any(os.environ.get(name + way) for way in WAYS)


def _keys(airflow_home: Path) -> dict[str, str]:
    """The keys that are not configured; each lives as long as the Airflow home.

    A restart then keeps running tasks' tokens, and stored connections stay readable.
    """
    files = {
        "AIRFLOW__API_AUTH__JWT_SECRET": (airflow_home / "jwt-secret", 48),
        "AIRFLOW__API__SECRET_KEY": (airflow_home / "api-secret", 48),
    }
    fernet = airflow_home / "fernet-key"
    if fernet.exists() or not (airflow_home / "airflow.cfg").exists():  # an older home has its key in there
        files["AIRFLOW__CORE__FERNET_KEY"] = (fernet, 32)
    return {name: key(file, size) for name, (file, size) in files.items() if not _is_configured(name)}
