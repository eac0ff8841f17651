"""Airflow's keys and passwords on this machine: made on first use, readable by their owner only."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from pathlib import Path


class CredentialsError(Exception):
    """A file of passwords can't be used; the message says what, where, and the fix."""


def make_private(folder: Path) -> None:
    """Makes a folder that only its owner may look into."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def key(path: Path, size: int) -> str:
    """The key in a file of mode 600, which is made once from `size` random bytes, in base 64."""
    if not path.exists():
        new = path.with_name(f".{path.name}.{os.getpid()}")
        _write_private(new, base64.urlsafe_b64encode(secrets.token_bytes(size)).decode("ascii"))
        with contextlib.suppress(FileExistsError):  # of two that start at once the first one's stays
            os.link(new, path)
        new.unlink()
    return path.read_text(encoding="ascii")


def password_file(airflow_home: Path) -> Path:
    """Where the log-in's passwords are, as JSON: {user: password}."""
    return airflow_home / "passwords.json"


def passwords(airflow_home: Path, users: str) -> Path:
    """The file of the log-in's passwords, with one for each of `users` (`name:role,name:role`).

    Airflow would generate what is missing too, but writes it into its log and into a readable file.
    Raises CredentialsError for a file that is no JSON object.
    """
    path = password_file(airflow_home)
    known = _read(path) if path.exists() else {}
    missing = {user.split(":")[0].strip() for user in users.split(",")} - known.keys()
    if missing:
        new = path.with_name(f".{path.name}.{os.getpid()}")
        _write_private(new, json.dumps(known | {user: secrets.token_urlsafe(18) for user in missing}))
        os.replace(new, path)
    path.chmod(0o600)
    return path


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(known, dict):
            return known
    except ValueError:
        pass
    fix = 'write {"USER": "PASSWORD"} into it, or remove it'
    raise CredentialsError(f"the passwords can't be read\n  where: {path}\n  fix:   {fix}")


def _write_private(path: Path, text: str) -> None:
    """Writes a file of mode 600 that did not exist."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
