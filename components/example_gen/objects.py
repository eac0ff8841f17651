"""Objects in gs:// and s3:// as files, read through the stores' own clients.

Beam's file systems make a new client for each object, which costs many times what it takes to read a picture.
Besides what is said, everything here raises BadInput and Failed as objects of a store do.
"""

from __future__ import annotations

import functools
import io
import os
from typing import Any, BinaryIO, cast

from components.object_store.store import Gone, ObjectStore, open_store

_BLOCK = 4 << 20


def is_object(path: str) -> bool:
    """Whether it is an address in one of these stores."""
    return path.startswith(("gs://", "s3://"))


def open_object(path: str) -> BinaryIO:
    """An object open for reading. Raises FileNotFoundError."""
    store, name = _place(path)
    return cast(BinaryIO, io.BufferedReader(_Object(store, name, object_size(path)), _BLOCK))


def read_object(path: str) -> bytes:
    """All of an object. Raises FileNotFoundError."""
    store, name = _place(path)
    content = store.read(name)
    if content is None:
        raise FileNotFoundError(f"there is no {path}")
    return content.data


def object_size(path: str) -> int:
    """An object's size in bytes. Raises FileNotFoundError."""
    store, name = _place(path)
    found = store.size(name) if name else None
    if found is None:
        raise FileNotFoundError(f"there is no {path}")
    return found


def is_there(path: str) -> bool:
    """Whether there is an object of this address."""
    store, name = _place(path)
    return bool(name) and store.size(name) is not None


def read_piece(path: str, offset: int, length: int) -> bytes:
    """A stretch of an object; shorter behind its end. Raises FileNotFoundError."""
    store, name = _place(path)
    try:
        return store.piece(name, offset, length)
    except Gone as error:
        raise FileNotFoundError(f"there is no {path}") from error


@functools.cache
def check_bucket(bucket: str) -> None:
    """Raises BadInput for a bucket (gs://BUCKET) that isn't there or may not be listed."""
    open_store(bucket).check()


class _Object(io.RawIOBase):
    """An object of known size as a stream; each read is a request, so it belongs behind a buffer."""

    def __init__(self, store: ObjectStore, name: str, size: int) -> None:
        self._store = store
        self._name = name
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        length = min(len(buffer), self._size - self._at)
        if length <= 0:
            return 0
        data = self._store.piece(self._name, self._at, length)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)


def _place(path: str) -> tuple[ObjectStore, str]:
    """The bucket's store and the object's name. Raises BadInput, see open_store."""
    scheme, _, rest = path.partition("://")
    bucket, _, name = rest.partition("/")
    return _store(f"{scheme}://{bucket}", os.getpid()), name


@functools.lru_cache(maxsize=64)
def _store(bucket: str, process: int) -> ObjectStore:
    """One client for all objects of a bucket; a forked process must not share its parent's connections."""
    return open_store(bucket)
