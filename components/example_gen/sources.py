"""Where an image's bytes lie: a file of its own, or a stretch of a TFRecord."""

from __future__ import annotations

from dataclasses import dataclass

from components.example_gen import file_systems
from components.example_gen.quick_pickle import QuickPickle


@dataclass(frozen=True, slots=True)
class FileSource(QuickPickle):
    """A whole file: a local path, gs:// or s3://."""

    path: str

    def read(self) -> bytes:
        """Every byte. Raises OSError, also for a file in a bucket."""
        return file_systems.read_bytes(self.path)

    def size(self) -> int:
        """How many bytes it has. Raises OSError."""
        return file_systems.size(self.path)


@dataclass(frozen=True, slots=True)
class RecordSource(QuickPickle):
    """`length` bytes from `offset` of a TFRecord (of what it unpacks to, if it is compressed)."""

    path: str
    offset: int
    length: int
    compressed: bool = False

    def read(self) -> bytes:
        """The image's bytes. Raises OSError."""
        return file_systems.read_range(self.path, self.offset, self.length, self.compressed)

    def size(self) -> int:
        """How many bytes the image has; nothing is opened."""
        return self.length


# Small and picklable: what travels between Beam's workers is where an image lies, never the image.
ImageSource = FileSource | RecordSource
