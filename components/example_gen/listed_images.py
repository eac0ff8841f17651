"""Finds the pictures that a list (CSV, COCO JSON) names by file, wherever people keep them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from components.example_gen import file_systems
from components.example_gen.named_files import WEB, as_path, find_named
from components.example_gen.records import Finding, ImageRecord, with_notes
from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree, plain, stem
from detection.errors import BadInput

# A list in such a folder speaks of pictures beside the folder.
LIST_FOLDERS = frozenset(("annotations", "annotation", "labels"))


class Pictures:
    """The pictures that a list names, and which of them it has been asked for so far."""

    def __init__(self, list_file: str, tree: Tree, names: Sequence[str]) -> None:
        self.list_file, self.tree = list_file, tree
        self._start = tree.prefix
        self._elsewhere = {name for name in names if self._is_local_file_elsewhere(name)}
        inside = (name.removeprefix(self._start) for name in names if name not in self._elsewhere)
        self._found = find_named(inside, tree.files)
        self._used: set[str] = set()

    @classmethod
    def beside(cls, list_file: str, names: Sequence[str]) -> Pictures:
        """Takes the folder, of those where they usually lie, that has the most of them; of equals the first.

        Raises BadInput where none of these folders has any picture.
        """
        trees = [Tree.at(folder) for folder in _usual_folders(list_file)]
        stated = {as_path(name) for name in names}
        bases = {plain(posixpath.basename(path)) for path in stated}
        most = max(trees, key=lambda tree: len(stated & tree.file_set))
        if not stated.isdisjoint(most.file_set):
            return cls(list_file, most, names)
        for tree in trees:
            if any(plain(posixpath.basename(image)) in bases for image in tree.images):
                return cls(list_file, tree, names)
        for tree in trees:
            if tree.images or any(file_systems.is_file(name) for name in names if _is_whole(name)):
                return cls(list_file, tree, names)
        looked = ", ".join(tree.root for tree in trees)
        raise BadInput(
            f"none of the images that {posixpath.basename(list_file)} names is found",
            f"{list_file} (looked in {looked})",
            "put them in one of these",
        )

    def source(self, name: str) -> FileSource | None:
        """The picture of this name, one of the list's; None if it isn't there, or if several could be meant.

        An address in a bucket counts where no copy of it lies in the folder.
        """
        if name in self._elsewhere:
            return FileSource(name)
        relative = self._found.get(name.removeprefix(self._start))
        if relative is not None:
            self._used.add(relative)
            return self.tree.source(relative)
        in_bucket = _is_whole(name) and file_systems.is_remote(name) and file_systems.is_file(name)
        return FileSource(name) if in_bucket else None

    def noted(self, records: list[ImageRecord]) -> list[ImageRecord]:
        """The records, the first with a note of the pictures beside the named ones that aren't listed."""
        folders = {posixpath.dirname(file) for file in self._used}
        left = [f for f in self.tree.images if f not in self._used and posixpath.dirname(f) in folders]
        if not left or not records:
            return records
        some = ", ".join(left[:3]) + (", ..." if len(left) > 3 else "")
        detail = f"{len(left)} of {self.tree.root} aren't in it and aren't read: {some}"
        note = Finding(posixpath.basename(self.list_file), None, "DATA035", "ignored", detail)
        return with_notes(records, [note])

    def _is_local_file_elsewhere(self, name: str) -> bool:
        inside = self._start and name.startswith(self._start)
        return name.startswith("/") and not inside and file_systems.is_file(name)


def _usual_folders(list_file: str) -> Iterable[str]:
    folder, own = posixpath.dirname(list_file), stem(list_file)
    own = own.removesuffix("_labels").removeprefix("instances_").removeprefix("person_keypoints_")
    names = [own, ".", "images", f"images/{own}"]
    if posixpath.basename(folder).lower() in LIST_FOLDERS:
        names += [f"../{own}", f"../images/{own}", "../images", ".."]
    return [file_systems.join(folder, name) for name in names]


def _is_whole(name: str) -> bool:
    """Whether the name says by itself where the picture is."""
    scheme, found, _ = name.partition("://")
    return name.startswith("/") or bool(found) and scheme.lower() not in WEB
