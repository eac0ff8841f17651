"""Objects in S3, or a store that speaks its protocol, through boto3.

Credentials, region and endpoint are boto3's own settings: AWS_* in the environment, profiles, roles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from components.object_store.store import Content, explained, gone, no_client
from detection.errors import BadInput, Failed

_CHUNK_BYTES = 1 << 20
_ABSENT = {"NoSuchKey", "404"}
# Somebody else's write came first: 412, 409 while it goes on, and 404 where an object to replace is gone
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict", "412", "409", *_ABSENT}
_BUCKET = {"NoSuchBucket", "InvalidBucketName", "PermanentRedirect", "AuthorizationHeaderMalformed", "301"}
_RIGHTS = {
    "AccessDenied",
    "AllAccessDisabled",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "401",
    "403",
}


class S3Objects:
    """The objects below s3://BUCKET/PREFIX; see objects.ObjectStore."""

    def __init__(self, bucket: str, prefix: str) -> None:
        self._address = f"s3://{bucket}/{prefix}".rstrip("/")
        self._bucket = bucket
        self._start = f"{prefix}/" if prefix else ""
        with self._explained():
            self._client = _client(self._address)

    def check(self) -> None:
        with self._explained():
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._start, MaxKeys=1)

    def names(self, below: str) -> dict[str, datetime]:
        with self._explained():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._start + below
            )
            entries = [entry for page in pages for entry in page.get("Contents", ())]
        return {entry["Key"].removeprefix(self._start): entry["LastModified"] for entry in entries}

    def read(self, name: str) -> Content | None:
        with self._explained():
            try:
                answer = self._client.get_object(**self._key(name))
                return Content(answer["Body"].read(), answer["ETag"])
            except self._client.exceptions.ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def size(self, name: str) -> int | None:
        with self._explained():
            try:
                return int(self._client.head_object(**self._key(name))["ContentLength"])
            except self._client.exceptions.ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise

    def piece(self, name: str, offset: int, length: int) -> bytes:
        stretch = f"bytes={offset}-{offset + length - 1}"
        with self._explained():
            try:
                return bytes(self._client.get_object(**self._key(name), Range=stretch)["Body"].read())
            except self._client.exceptions.ClientError as error:
                if _code(error) in _ABSENT:
                    raise gone(self._address, name) from None
                if _code(error) == "InvalidRange":
                    return b""
                raise

    def write(self, name: str, data: bytes, expected: str | None) -> bool:
        return self._put(name, data, {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected})

    def upload(self, name: str, file: Path) -> None:
        with file.open("rb") as stream:  # in one request, which S3 takes up to 5 GB
            self._put(name, stream, {"IfNoneMatch": "*"})

    def _put(self, name: str, body: bytes | BinaryIO, condition: dict[str, str]) -> bool:
        with self._explained():
            try:
                self._client.put_object(**self._key(name), Body=body, **condition)
            except self._client.exceptions.ClientError as error:
                if _code(error) in _OVERTAKEN:
                    return False
                raise
        return True

    def chunks(self, name: str) -> Iterator[bytes]:
        with self._explained():
            try:
                body = self._client.get_object(**self._key(name))["Body"]
            except self._client.exceptions.NoSuchKey:
                raise gone(self._address, name) from None
            yield from body.iter_chunks(_CHUNK_BYTES)

    def delete(self, names: Iterable[str]) -> None:
        with self._explained():
            for name in names:
                self._client.delete_object(**self._key(name))

    def _explained(self) -> AbstractContextManager[None]:
        return explained(lambda error: _explain(error, self._address))

    def _key(self, name: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": self._start + name}


def _client(address: str) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise no_client(address, "boto3", "aws") from None
    return boto3.client("s3", config=Config(connect_timeout=10, read_timeout=60))


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _explain(error: Exception, address: str) -> BadInput | Failed | None:
    from botocore import exceptions

    if isinstance(error, exceptions.ClientError):
        return _explain_answer(error, address)
    if isinstance(
        error,
        exceptions.NoCredentialsError
        | exceptions.PartialCredentialsError
        | exceptions.ProfileNotFound
        | exceptions.NoRegionError
        | exceptions.ParamValidationError
        | ValueError,  # an endpoint that is no URL
    ):
        return BadInput(
            f"S3 can't be used as it is set up: {error}",
            address,
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE, or a role), AWS_REGION, and "
            "AWS_ENDPOINT_URL for another store than Amazon's",
        )
    if isinstance(error, exceptions.BotoCoreError | OSError):
        return _unreachable(error, address)
    return None


def _explain_answer(error: Any, address: str) -> BadInput | Failed:
    code = _code(error)
    if code in _BUCKET:
        return BadInput(
            f"S3 has no such bucket in this region and account: {code}",
            address,
            "correct the address, AWS_REGION or AWS_ENDPOINT_URL, or make the bucket",
        )
    if code in _RIGHTS:
        return BadInput(
            f"S3 refuses these credentials: {code}",
            address,
            "give ones with s3:ListBucket on the bucket and s3:GetObject; to publish s3:PutObject and "
            "s3:DeleteObject too",
        )
    if code == "NotImplemented":
        return BadInput(
            "this store lacks something that publishing needs: conditional writes (If-None-Match, If-Match)",
            address,
            "publish to S3, to a newer release of the store, or to a folder",
        )
    return _unreachable(error, address)


def _unreachable(error: BaseException, address: str) -> Failed:
    return Failed(
        f"S3 can't be reached, or failed: {error}", address, "run again; nothing half done is left to be seen"
    )
