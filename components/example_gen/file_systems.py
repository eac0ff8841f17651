"""Files on this machine, in gs:// and in s3://. Beam lists the latter two, and is imported only for them."""

from __future__ import annotations

import glob
import os
import posixpath
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, BinaryIO, TypeVar, cast

from components.example_gen import objects
from detection.errors import BadInput

Result = TypeVar("Result")
_streams = threading.local()
_GZIP_MEMBER = 31  # zlib's way to say: a gzip header, then the largest window
_BLOCK = 1 << 20


def is_remote(path: str) -> bool:
    """Whether the path is an address (gs://, s3://) and not a place on this machine."""
    return "://" in path


def local(path: str) -> Path:
    """The path as a Path. Raises BadInput for an address, where only files of this machine will do."""
    if is_remote(path):
        raise BadInput("this works with files of this machine only", path, "copy the data here first")
    return Path(path)


def join(folder: str, name: str) -> str:
    """A path below a folder; `name` has forward slashes and may climb with `..`."""
    if is_remote(folder):
        scheme, rest = folder.split("://", 1)
        return f"{scheme}://{posixpath.normpath(posixpath.join(rest, name))}"
    return posixpath.normpath(posixpath.join(folder, name))


def open_binary(path: str) -> BinaryIO:
    """The file as it is, not unpacked, open for reading. Raises OSError."""
    if not is_remote(path):
        return open(path, "rb")
    if objects.is_object(path):
        return objects.open_object(path)
    from apache_beam.io.filesystem import CompressionTypes

    raw = CompressionTypes.UNCOMPRESSED
    return cast(BinaryIO, _remote(path, lambda systems: systems.open(path, compression_type=raw)))


def read_bytes(path: str) -> bytes:
    """All of a file. Raises OSError."""
    if objects.is_object(path):
        return objects.read_object(path)
    if is_remote(path):
        with open_binary(path) as stream:
            return stream.read()
    return _read_local(path)


def read_start(path: str, size: int) -> bytes:
    """The first `size` bytes of a file, fewer where it has no more. Raises OSError."""
    with open_binary(path) as stream:
        return stream.read(size)


def _read_local(path: str) -> bytes:
    """Without Python's file object, which costs a tenth of what it takes to read a picture."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size + 1)
        if len(data) == size:
            return data
    finally:
        os.close(file)
    with open(path, "rb") as stream:  # it grows or shrinks just now, or has no size
        return stream.read()


def size(path: str) -> int:
    """A file's size in bytes. Raises OSError."""
    if not is_remote(path):
        return os.stat(path).st_size
    if objects.is_object(path):
        return objects.object_size(path)
    return int(_remote(path, lambda systems: systems.get_filesystem(path).size(path)))


def is_file(path: str) -> bool:
    """Whether there is a file of this path; False where it can't be seen."""
    if not is_remote(path):
        return os.path.isfile(path)
    if objects.is_object(path):
        return objects.is_there(path)
    return bool(_remote(path, lambda systems: systems.exists(path)))


def files_below(folder: str) -> list[str]:
    """Every file below a folder, sorted, relative to it; links are followed, hidden files don't count.

    A folder that isn't there has no files. Raises OSError for a folder that may not be read.
    """
    if is_remote(folder):
        start = folder.rstrip("/") + "/"
        found = _remote(folder, lambda systems: systems.match([glob.escape(start) + "**"])[0].metadata_list)
        names = [entry.path[len(start) :] for entry in found]
        return sorted(n for n in names if n and not n.endswith("/") and not any(map(_hidden, n.split("/"))))
    files: list[str] = []
    seen: set[tuple[int, int]] = set()  # a link to a folder above would go round for ever
    for at, folders, names in os.walk(folder, onerror=_unless_absent, followlinks=True):
        status = os.stat(at)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders[:] = [name for name in folders if not _hidden(name)]
        relative = os.path.relpath(at, folder)
        prefix = "" if relative == "." else relative + "/"
        files += [prefix + name for name in names if not _hidden(name)]
    return sorted(files)


def children(folder: str) -> list[str]:
    """The names of the files and folders right in a folder, sorted; none where it isn't there."""
    if is_remote(folder):
        return sorted({file.split("/")[0] for file in files_below(folder)})
    names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else []
    return sorted(name for name in names if not _hidden(name))


def matching(pattern: str) -> list[str]:
    """The files that a pattern with * or ? means, sorted."""
    if is_remote(pattern):
        found = _remote(pattern, lambda systems: systems.match([pattern])[0].metadata_list)
        return sorted(entry.path for entry in found)
    head, tail = os.path.split(pattern)
    return sorted(str(file) for file in Path(head or ".").glob(tail) if file.is_file())


def stamps(path: str) -> dict[str, str]:
    """For a remote file, folder or pattern: each file and its size and time of change, from one listing."""

    def listed(systems: Any) -> list[Any]:
        exact = glob.escape(path.rstrip("/"))
        for pattern in (exact, path, exact + "/**"):
            if found := systems.match([pattern])[0].metadata_list:
                return list(found)
        return []

    files = _remote(path, listed)
    return {f.path: f"{f.size_in_bytes} {f.last_updated_in_seconds}" for f in files}


def read_range(path: str, offset: int, length: int, compressed: bool) -> bytes:
    """`length` bytes from `offset` (of what a gzip file unpacks to). Raises OSError if they aren't there.

    The last gzip file stays open in each thread, unpacked.
    """
    if objects.is_object(path) and not compressed:
        data = objects.read_piece(path, offset, length)
    elif compressed or is_remote(path):
        stream = _kept_open(path, compressed)
        stream.seek(offset)
        data = stream.read(length)
    else:
        with open(path, "rb") as stream:
            stream.seek(offset)
            data = stream.read(length)
    if len(data) != length:
        raise OSError(f"there are no {length} bytes at {offset} of {path}")
    return data


def _kept_open(path: str, compressed: bool) -> BinaryIO:
    key = (os.getpid(), path, compressed)  # a forked worker must not move its parent's place in the file
    if getattr(_streams, "key", None) != key:
        _streams.stream = _unpacked(path) if compressed else open_binary(path)
        _streams.key = key
    return cast(BinaryIO, _streams.stream)


def unpack(packed: BinaryIO, out: IO[bytes]) -> str | None:
    """Writes what a gzip file holds, as far as it goes; returns why it goes no further, if it's damaged."""
    inflate = zlib.decompressobj(_GZIP_MEMBER)
    started = False
    try:
        while data := packed.read(_BLOCK):
            while data:
                out.write(inflate.decompress(data))
                started = True
                data = inflate.unused_data
                if inflate.eof:
                    inflate, started = zlib.decompressobj(_GZIP_MEMBER), False
                    data = data.lstrip(b"\0")  # tapes and some copies pad with zeros
    except (zlib.error, OSError) as error:
        return f"the gzip file is damaged ({error})"
    return "the gzip file is cut off" if started else None


def _unpacked(path: str) -> BinaryIO:
    with open_binary(path) as packed:
        space = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 (it stays open, see read_range)
        unpack(packed, space)
    return space


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def beam_file_systems() -> Any:
    """Beam's FileSystems. Without a pipeline they have no options, and S3's needs some."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions

    if FileSystems._pipeline_options is None:  # a pipeline's may name an endpoint
        FileSystems.set_options(PipelineOptions([]))
    return FileSystems


def _remote(path: str, ask: Callable[[Any], Result]) -> Result:
    """Asks Beam's file systems.

    What they raise becomes OSError. Before, raises BadInput without the right package, bucket or rights, and
    Failed for a store that doesn't answer.
    """
    systems = beam_file_systems()
    scheme, _, rest = path.partition("://")
    try:
        systems.get_filesystem(path)
    except ValueError as error:
        extra = {"gs": "gcp", "s3": "aws"}.get(scheme)
        raise BadInput(
            "there is no way to reach this address",
            path,
            f"pip install 'upcycle[{extra}]'" if extra else "use a local path, gs:// or s3://",
        ) from error
    if objects.is_object(path):  # Beam tries for ten minutes to reach S3 without credentials
        objects.check_bucket(f"{scheme}://{rest.partition('/')[0]}")
    try:
        return ask(systems)
    except OSError:
        raise
    except Exception as error:  # the clients of the clouds have types of their own, for rights above all
        raise OSError(f"{path} can't be read: {error}") from error
