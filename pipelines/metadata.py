"""The connection to ML Metadata: SQLite in the detector's folder, or a server named by the environment.

The address of a server, and so its password, is read when a node runs; no file of a run holds it.
"""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from ml_metadata import proto

from detection.errors import BadInput

URL_VARIABLE = "UPCYCLE_METADATA_URL"
_DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306}
# Runs of one detector may write at the same time; ml_metadata waits about 2 s between attempts.
_RETRIES = 15


def metadata_address(sqlite: Path) -> str:
    """Where metadata goes, without user and password, for a plan to record and a person to read."""
    url = _server_url()
    if url is None:
        return f"sqlite:///{sqlite}"
    return f"{url.scheme}://{url.hostname}:{url.port or _DEFAULT_PORTS[url.scheme]}{url.path}"


def connection_config(sqlite: Path, planned: str | None = None) -> proto.ConnectionConfig:
    """The connection for ml_metadata; a server's database is created if it is missing.

    Raises BadInput if the environment names another store than the one `planned` (see metadata_address),
    for example because UPCYCLE_METADATA_URL did not reach this process.
    """
    address = metadata_address(sqlite)
    if planned is not None and planned != address:
        raise BadInput(
            "the run was planned with another metadata store than this process has",
            f"planned {planned}, here {address}",
            f"give all processes of a run the same {URL_VARIABLE}",
        )
    config = proto.ConnectionConfig()
    config.retry_options.max_num_retries = _RETRIES
    url = _server_url()
    if url is None:
        sqlite.parent.mkdir(parents=True, exist_ok=True)
        config.sqlite.filename_uri = str(sqlite)
        config.sqlite.connection_mode = config.sqlite.READWRITE_OPENCREATE
        return config
    database = unquote(url.path.lstrip("/"))
    port = url.port or _DEFAULT_PORTS[url.scheme]
    user, password = unquote(url.username or ""), unquote(url.password or "")
    if url.scheme == "postgresql":
        server = config.postgresql
        server.host, server.port, server.dbname = url.hostname or "", str(port), database
        server.user, server.password = user, password
    else:
        mysql = config.mysql
        mysql.host, mysql.port, mysql.database = url.hostname or "", port, database
        mysql.user, mysql.password = user, password
    return config


def _server_url() -> SplitResult | None:
    value = os.environ.get(URL_VARIABLE)
    if not value:
        return None
    form = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE (or mysql://...)"
    try:
        url = urlsplit(value)
        complete = url.scheme in _DEFAULT_PORTS and url.hostname and url.path.lstrip("/")
        url.port  # noqa: B018 (raises ValueError if it is no number)
    except ValueError:
        complete = False
    if not complete:
        # The value itself may hold a password and stays out of the message.
        raise BadInput("the address of the metadata store can't be used", URL_VARIABLE, f"write it as {form}")
    return url
