"""A folder and the files below it, listed once; the same on this machine and in a bucket."""

from __future__ import annotations

import posixpath
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from components.example_gen import file_systems
from components.example_gen.sources import FileSource

# Also those that nothing here decodes: they are set aside by name, not passed over.
IMAGE_SUFFIXES = frozenset(
    f".{kind}"
    for kind in (
        *("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "tif", "tiff", "webp"),
        *("ppm", "pgm", "pbm", "pnm", "jp2", "j2k", "heic", "heif", "avif", "jxl"),
    )
)


@dataclass(frozen=True)
class Tree:
    """`files` are relative to `root`, sorted, with forward slashes."""

    root: str
    files: tuple[str, ...]

    @classmethod
    def at(cls, root: str) -> Tree:
        """The tree below a folder, empty if it isn't there."""
        return cls(root, tuple(file_systems.files_below(root)))

    @cached_property
    def images(self) -> tuple[str, ...]:
        """The files that are images by their name."""
        return tuple(file for file in self.files if is_image(file))

    @cached_property
    def file_set(self) -> frozenset[str]:
        """The files, to ask whether one is there."""
        return frozenset(self.files)

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that has a file below it, relative; "" is the root."""
        found = {""}
        for folder in {posixpath.dirname(file) for file in self.files}:
            while folder not in found:
                found.add(folder)
                folder = posixpath.dirname(folder)
        return frozenset(found)

    def with_suffix(self, *suffixes: str) -> list[str]:
        """The files whose names end so, in any case of letters."""
        return [file for file in self.files if file.lower().endswith(suffixes)]

    def below(self, folder: str) -> Tree:
        """The part below a relative folder; "" is the whole."""
        if not folder:
            return self
        start = folder + "/"
        return Tree(self.path(folder), tuple(f[len(start) :] for f in self.files if f.startswith(start)))

    def path(self, file: str) -> str:
        """The file's whole path."""
        return file_systems.join(self.root, file)

    def read(self, file: str) -> bytes:
        """The file's bytes. Raises OSError."""
        return file_systems.read_bytes(self.path(file))

    def source(self, file: str) -> FileSource:
        """The image of this file, one of `files`."""
        return FileSource(self.prefix + file)

    @cached_property
    def prefix(self) -> str:
        """What stands before a listed file in its path."""
        return self.path("x")[:-1]


def is_image(file: str) -> bool:
    """Whether the file is an image by its name."""
    return posixpath.splitext(file)[1].lower() in IMAGE_SUFFIXES


def plain(name: str) -> str:
    """A name for comparing: macOS unpacks "é" as two characters, Windows doesn't mind capitals."""
    return unicodedata.normalize("NFC", name).casefold()


def base_name(written: str) -> str:
    """The last part of a path as an annotation writes it, of Windows or not."""
    return posixpath.basename(written.strip().replace("\\", "/"))


def stem(file: str) -> str:
    """The name without folder and suffix."""
    return posixpath.splitext(posixpath.basename(file))[0]


def by_name(files: Iterable[str]) -> dict[str, list[str]]:
    """The files by their `plain` names without folder."""
    found: dict[str, list[str]] = {}
    for file in files:
        found.setdefault(plain(posixpath.basename(file)), []).append(file)
    return found
