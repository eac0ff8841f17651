"""A bucket in memory as a file system of Beam: what gs:// and s3:// are to the readers, without a network."""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator

from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem

FILES: dict[str, bytes] = {}
CHANGED: dict[str, float] = {}


def put(path: str, data: bytes) -> None:
    FILES[path] = data
    CHANGED[path] = CHANGED.get(path, 0.0) + 1


class MemoryFiles(FileSystem):
    """Only reading; Beam finds it by its scheme, mem://."""

    @classmethod
    def scheme(cls) -> str:
        return "mem"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        for path, data in sorted(FILES.items()):
            if path.startswith(dir_or_prefix):
                yield FileMetadata(path, len(data), CHANGED[path])

    def open(self, path, mime_type="", compression_type=CompressionTypes.AUTO):  # type: ignore[no-untyped-def]
        if path not in FILES:
            raise FileNotFoundError(path)
        return io.BytesIO(FILES[path])

    def exists(self, path: str) -> bool:
        return path in FILES

    def size(self, path: str) -> int:
        return len(FILES[path])

    def last_updated(self, path: str) -> float:
        return CHANGED[path]

    def checksum(self, path: str) -> str:
        return str(hash(FILES[path]))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(FILES[path]), CHANGED[path])

    def mkdirs(self, path: str) -> None:
        raise OSError(errno.EROFS, "this bucket is only read")

    def create(self, path, mime_type="", compression_type=CompressionTypes.AUTO):  # type: ignore[no-untyped-def]
        raise OSError(errno.EROFS, "this bucket is only read")

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        raise OSError(errno.EROFS, "this bucket is only read")

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        raise OSError(errno.EROFS, "this bucket is only read")

    def delete(self, paths: list[str]) -> None:
        raise OSError(errno.EROFS, "this bucket is only read")
