"""Values that no log may show: those that a detector's file takes from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from airflow.sdk.log import mask_secret

SHORTEST = 8  # shorter ones, masked everywhere, would spoil the log and hide little
URLS = ("UPCYCLE_METADATA_URL",)  # hold a password, and every node gets them
STORE_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN")


def mask(names: Iterable[str]) -> None:
    """Has Airflow write *** for the values of these environment variables, and for passwords in URLs."""
    for name in (*names, *URLS, *STORE_SECRETS):
        for secret in _secrets(os.environ.get(name, ""), whole=name not in URLS):
            if len(secret) >= SHORTEST:
                mask_secret(secret)


def _secrets(value: str, whole: bool) -> Iterator[str]:
    if whole and not _is_path(value):
        yield value
    try:
        password = urlsplit(value).password
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)


def _is_path(value: str) -> bool:
    try:
        return Path(value).exists()
    except OSError:  # too long for one
        return False
