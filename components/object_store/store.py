"""What is needed of an object store, and the way to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from detection.errors import BadInput, Failed, UpcycleError


@dataclass(frozen=True)
class Content:
    """An object's bytes, and the store's word for this state of it, which a conditional write names."""

    data: bytes
    tag: str


class ObjectStore(Protocol):
    """Objects below an address; names are relative to it.

    Every method raises BadInput for a bucket, a right or a credential that isn't there, and Failed where the
    store can't be reached or fails.
    """

    def check(self) -> None:
        """Make sure that the bucket is there and can be listed."""

    def names(self, below: str) -> dict[str, datetime]:
        """Every object whose name starts with `below`, and when it was written."""

    def read(self, name: str) -> Content | None:
        """A small object whole; None where there is none."""

    def size(self, name: str) -> int | None:
        """An object's size in bytes; None where there is none."""

    def piece(self, name: str, offset: int, length: int) -> bytes:
        """A stretch of an object, in one request; shorter or empty behind its end."""

    def write(self, name: str, data: bytes, expected: str | None) -> bool:
        """Write a small object if its tag is still `expected` (None: if there is none); else False."""

    def upload(self, name: str, file: Path) -> None:
        """Write an object with a file's bytes; one that is there stays as it is."""

    def chunks(self, name: str) -> Iterator[bytes]:
        """An object's bytes, piece by piece."""

    def delete(self, names: Iterable[str]) -> None:
        """Delete objects in this order; one that isn't there is no error."""


def is_address(place: str) -> bool:
    """Whether it is an address (s3://, gs://) and no path of this machine."""
    return "://" in place


def open_store(address: str) -> ObjectStore:
    """The store below an address. Raises BadInput for one that can't be used, or without its client."""
    scheme, _, rest = address.partition("://")
    bucket, _, prefix = rest.rstrip("/").partition("/")
    if scheme not in ("gs", "s3"):
        raise BadInput(
            "this is no address of an object store",
            address,
            "name s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or a path of this machine",
        )
    if not bucket or (prefix and {"", ".", ".."} & set(prefix.split("/"))):
        raise BadInput(
            "the address has no bucket, or an empty part, `.` or `..` in its folder",
            address,
            f"write {scheme}://BUCKET/FOLDER",
        )
    if scheme == "s3":
        from components.object_store.s3 import S3Objects

        return S3Objects(bucket, prefix)
    from components.object_store.gcs import GoogleObjects

    return GoogleObjects(bucket, prefix)


def no_client(address: str, package: str, extra: str) -> BadInput:
    """The error for a store whose client library isn't installed."""
    return BadInput(
        f"the package {package} is not installed, which this address needs",
        address,
        f"pip install 'upcycle[{extra}]'",
    )


class Gone(Failed):
    """An object isn't there, or not any more."""


def gone(address: str, name: str) -> Gone:
    """The error for an object that isn't there."""
    return Gone("an object is gone", f"{address}/{name}", "run again")


@contextmanager
def explained(explain: Callable[[Exception], UpcycleError | None]) -> Iterator[None]:
    """Turns what a client raises into an error with a fix, where `explain` knows one.

    BadInput is for what waiting can't help, Failed for what it may.
    """
    try:
        yield
    except UpcycleError:
        raise
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        raise known from error
