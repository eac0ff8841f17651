"""Finds the pictures that a list (CSV, COCO JSON) names by file, wherever people keep them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from components.example_gen import file_systems
from components.example_gen.records import Finding, ImageRecord, with_notes
from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree, base_name, by_name, plain, stem
from detection.errors import BadInput

# A list in such a folder speaks of pictures beside the folder.
LIST_FOLDERS = frozenset(("annotations", "annotation", "labels"))


class Pictures:
    """The folder of a list's pictures, and which of them the list has named so far."""

    def __init__(self, list_file: str, tree: Tree) -> None:
        self.list_file, self.tree = list_file, tree
        self._by_name = by_name(tree.images)
        self._used: set[str] = set()

    @classmethod
    def beside(cls, list_file: str, names: Sequence[str]) -> Pictures:
        """Takes the first folder, of those where they usually lie, that has a picture of the list.

        Raises BadInput where none of these folders has any picture.
        """
        trees = [Tree.at(folder) for folder in _usual_folders(list_file)]
        stated = {_relative(name) for name in names}
        bases = {plain(base_name(name)) for name in names}
        for tree in trees:
            if not stated.isdisjoint(tree.file_set):
                return cls(list_file, tree)
        for tree in trees:
            if any(plain(posixpath.basename(image)) in bases for image in tree.images):
                return cls(list_file, tree)
        for tree in trees:
            if tree.images or any(file_systems.is_file(name) for name in names if _is_whole(name)):
                return cls(list_file, tree)
        looked = ", ".join(tree.root for tree in trees)
        raise BadInput(
            f"none of the images that {posixpath.basename(list_file)} names is found",
            f"{list_file} (looked in {looked})",
            "put them in one of these",
        )

    def source(self, name: str) -> FileSource | None:
        """The picture of this name: so placed in the folder, or the only one of this name in it."""
        if not name:
            return None
        relative = _relative(name)
        if relative not in self.tree.file_set:
            if _is_whole(name) and file_systems.is_file(name):
                return FileSource(name)
            same = self._by_name.get(plain(base_name(name)), [])
            if len(same) != 1:
                return None
            relative = same[0]
        self._used.add(relative)
        return self.tree.source(relative)

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


def _usual_folders(list_file: str) -> Iterable[str]:
    folder, own = posixpath.dirname(list_file), stem(list_file)
    own = own.removesuffix("_labels").removeprefix("instances_").removeprefix("person_keypoints_")
    names = [own, ".", "images", f"images/{own}"]
    if posixpath.basename(folder).lower() in LIST_FOLDERS:
        names += [f"../{own}", f"../images/{own}", "../images", ".."]
    return [file_systems.join(folder, name) for name in names]


def _relative(name: str) -> str:
    return posixpath.normpath(name.replace("\\", "/"))


def _is_whole(name: str) -> bool:
    """Whether the name says by itself where the picture is."""
    return name.startswith("/") or file_systems.is_remote(name)
