"""Objects in Google Cloud Storage, through google-cloud-storage.

Credentials are Google's application default ones; STORAGE_EMULATOR_HOST names another endpoint.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from components.object_store.store import Content, explained, gone, no_client
from detection.errors import BadInput, Failed

PATIENCE_SECONDS = 60.0  # how long one request is tried again while the store fails
_CHUNK_BYTES = 1 << 20


class GoogleObjects:
    """The objects below gs://BUCKET/PREFIX; see objects.ObjectStore."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._address = f"gs://{bucket}/{prefix}".rstrip("/")
        self._start = f"{prefix}/" if prefix else ""
        self._seen = False
        with self._explained():
            self._client, self._retry = _client(self._address)
            self._bucket = self._client.bucket(bucket)

    def check(self) -> None:
        """A listing needs no right on the bucket itself."""
        with self._explained():
            next(iter(self._client.list_blobs(self._bucket, max_results=1, retry=self._retry)), None)
        self._seen = True

    def names(self, below: str) -> dict[str, datetime]:
        with self._explained():
            found = self._client.list_blobs(self._bucket, prefix=self._start + below, retry=self._retry)
            return {blob.name.removeprefix(self._start): blob.updated for blob in found}

    def read(self, name: str) -> Content | None:
        from google.api_core.exceptions import NotFound

        with self._explained():
            blob = self._blob(name)
            try:
                data = blob.download_as_bytes(retry=self._retry)
            except NotFound:
                if not self._seen:  # without the bucket there is no object either
                    self.check()
                return None
            return Content(data, str(blob.generation))  # of the bytes that came: from the answer's headers

    def size(self, name: str) -> int | None:
        with self._explained():
            blob = self._bucket.get_blob(self._start + name, retry=self._retry)
            return None if blob is None else int(blob.size)

    def piece(self, name: str, offset: int, length: int) -> bytes:
        from google.api_core.exceptions import NotFound, RequestRangeNotSatisfiable

        with self._explained():
            try:
                return bytes(
                    self._blob(name).download_as_bytes(
                        start=offset, end=offset + length - 1, retry=self._retry
                    )
                )
            except RequestRangeNotSatisfiable:
                return b""
            except NotFound:
                raise gone(self._address, name) from None

    def write(self, name: str, data: bytes, expected: str | None) -> bool:
        from google.api_core.exceptions import PreconditionFailed

        with self._explained():
            try:
                blob = self._blob(name)
                blob.cache_control = "no-store"  # a public object would be served an hour from caches
                blob.upload_from_string(data, if_generation_match=int(expected or 0), retry=self._retry)
            except PreconditionFailed:
                return False
        return True

    def upload(self, name: str, file: Path) -> None:
        from google.api_core.exceptions import PreconditionFailed

        with self._explained(), suppress(PreconditionFailed):
            self._blob(name).upload_from_filename(str(file), if_generation_match=0, retry=self._retry)

    def chunks(self, name: str) -> Iterator[bytes]:
        from google.api_core.exceptions import NotFound

        with self._explained():
            try:
                with self._blob(name).open("rb", chunk_size=_CHUNK_BYTES, retry=self._retry) as stream:
                    while chunk := stream.read(_CHUNK_BYTES):
                        yield chunk
            except NotFound:
                raise gone(self._address, name) from None

    def delete(self, names: Iterable[str]) -> None:
        from google.api_core.exceptions import NotFound

        with self._explained():
            for name in names:
                with suppress(NotFound):
                    self._blob(name).delete(retry=self._retry)

    def _explained(self) -> AbstractContextManager[None]:
        return explained(lambda error: _explain(error, self._address))

    def _blob(self, name: str) -> Any:
        return self._bucket.blob(self._start + name)


def _client(address: str) -> tuple[Any, Any]:
    try:
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import storage  # type: ignore[attr-defined]
        from google.cloud.storage.retry import DEFAULT_RETRY
    except ImportError:
        raise no_client(address, "google-cloud-storage", "gcp") from None
    try:
        client = storage.Client()
    except DefaultCredentialsError:
        if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
            raise
        # enough for a public bucket
        client = storage.Client.create_anonymous_client()
    return client, DEFAULT_RETRY.with_timeout(PATIENCE_SECONDS)


def _explain(error: Exception, address: str) -> BadInput | Failed | None:
    from google.api_core import exceptions
    from google.auth.exceptions import GoogleAuthError, TransportError

    if isinstance(error, exceptions.NotFound):
        return BadInput(
            "Google Cloud Storage has no such bucket",
            address,
            "correct the address, or make the bucket",
        )
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized | exceptions.BadRequest):
        return BadInput(
            f"Google Cloud Storage refuses: {error.message}",
            address,
            "set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`; they need "
            "roles/storage.objectViewer on the bucket, or objectUser to publish",
        )
    if isinstance(error, GoogleAuthError) and not isinstance(error, TransportError):
        return BadInput(
            f"there are no usable credentials for Google Cloud Storage: {error}",
            address,
            "set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default login`",
        )
    if isinstance(error, exceptions.GoogleAPIError | GoogleAuthError | OSError):
        return Failed(
            f"Google Cloud Storage can't be reached, or failed: {error}",
            address,
            "run again; nothing half done is left to be seen",
        )
    return None
