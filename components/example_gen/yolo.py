"""Reads YOLO: a text file for each image, a line for each object: class, centre, width and height."""

from __future__ import annotations

import posixpath
import re

from components.example_gen import file_systems
from components.example_gen.fields import text_of
from components.example_gen.named_files import find_named
from components.example_gen.records import BoxRecord, Finding, ImageRecord, with_notes
from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree, stem
from components.example_gen.yolo_labels import (
    LABEL_FOLDER,
    find_labels,
    label_places,
    read_text,
    reads_as_label,
)
from components.example_gen.yolo_lines import boxes_in
from components.example_gen.yolo_yaml import YoloSet, find_yaml, names_for, read_yaml
from detection.errors import BadInput

# Text files beside images that are no labels.
NO_LABELS = re.compile(r"classes|names|train|val|valid|test|notes|readme.*|licen[cs]e|.*_darknet|obj", re.I)


def read_yolo(path: str, split: str, masks: bool = False) -> list[ImageRecord]:
    """The records of a data.yaml, a folder, or a text file that lists images; sorted by name.

    Of a data.yaml, `split` picks what it says. With split "" it's what is to be divided: its train images,
    or all that it has where these aren't there. A split that it names but that isn't there is noted.

    Args:
      masks: whether the objects get their polygons.

    Raises BadInput for a data.yaml without the split asked for, and where the classes have no names.
    """
    if path.lower().endswith((".yaml", ".yml")):
        return _read_set(read_yaml(path), split, masks)
    if path.lower().endswith(".txt"):
        data = _named(posixpath.dirname(path) or ".")
        return _Reader(data, split, posixpath.dirname(path) or ".", masks).read([path])
    tree = Tree.at(path)
    inside = find_yaml(tree)
    if inside and read_yaml(inside).places:
        return _read_set(read_yaml(inside), split, masks)
    return _Reader(_named(path), split, path, masks).read([path])


def _named(folder: str) -> YoloSet:
    data = names_for(folder)
    if data is None:
        fix = "put its data.yaml (or classes.txt) into this folder or the one above"
        raise BadInput("the names of the YOLO classes aren't found", folder, fix)
    return data


def _read_set(data: YoloSet, split: str, masks: bool) -> list[ImageRecord]:
    if split and split not in data.places:
        said = data.absent.get(split)
        raise BadInput(
            f"its {split} images aren't there: it says {said}" if said else f"it names no {split} images",
            data.file,
            "correct the data.yaml, or put the folder there",
        )
    wanted = [split] if split else ["train"] if "train" in data.places else sorted(data.places)
    places = [place for key in wanted for place in data.places[key]]
    if not places:
        said = ", ".join(data.absent.values())
        raise BadInput(f"no folder of the data.yaml is there: {said}", data.file, "put the folders beside it")
    records = _Reader(data, split, posixpath.dirname(data.file) or ".", masks).read(places)
    return with_notes(
        records,
        (
            Finding(posixpath.basename(data.file), key, "DATA029", "ignored", f"it says {said}; not there")
            for key, said in data.absent.items()
            if not split or key == split
        ),
    )


class _Reader:
    """Reads images with the labels that answer to them; names are relative to `root` where they can be."""

    def __init__(self, data: YoloSet, split: str, root: str, masks: bool) -> None:
        self.data, self.split, self.root, self.masks = data, split, root.rstrip("/"), masks
        self._listed: dict[str, frozenset[str]] = {}  # folder -> its text files
        self._whole: set[str] = set()  # folders of labels that belong to images read here, all of them
        self._used: set[str] = set()

    def read(self, places: list[str]) -> list[ImageRecord]:
        images: list[tuple[str, str | None]] = []  # each with the list that names it, where it isn't there
        for place in places:
            if place.lower().endswith(".txt"):
                images += self._listed_in(place)
            else:
                tree = Tree.at(place)
                images += [(tree.path(image), None) for image in tree.images]
                for folder in tree.folders:
                    files = label_places(tree.path(f"{folder}/x.jpg" if folder else "x.jpg"))
                    self._whole.update(posixpath.dirname(file) for file in files)
        labels = find_labels([image for image, _ in images], self._texts_in)
        records = [self._record(image, lost_by, labels.get(image)) for image, lost_by in images]
        records = sorted([*records, *self._orphans()], key=lambda record: record.name)
        file = posixpath.basename(self.data.file)
        return with_notes(
            records,
            (
                Finding(file, f"class {index}", "DATA021", "ignored", f"its name is only '{name}'")
                for index, name in self.data.names.items()
                if name.isdecimal() or not name
            ),
        )

    def _listed_in(self, file: str) -> list[tuple[str, str | None]]:
        """The images that a list names; the paths of another machine are those here with the same end."""
        folder = posixpath.dirname(file) or "."
        places: dict[str, str | None] = {}  # line -> where its image is
        for line in filter(None, map(str.strip, read_text(file).splitlines())):
            tried = (file_systems.join(base, line) for base in (folder, self.root))
            places[line] = next((place for place in tried if file_systems.is_file(place)), None)
        lost = [line for line, place in places.items() if place is None]
        tree = Tree.at(self.root) if lost else Tree(self.root, ())
        taken = [self._name(place) for place in places.values() if place is not None]
        meant = find_named([*taken, *lost], tree.images)
        places |= {line: tree.path(meant[line]) for line in lost if line in meant}
        return [
            (place or file_systems.join(folder, line), None if place else file)
            for line, place in places.items()
        ]

    def _record(self, image: str, lost_by: str | None, label: str | None) -> ImageRecord:
        """One image; `lost_by` is the list that names it where it isn't there."""
        name = self._name(image)
        boxes: tuple[BoxRecord, ...] = ()
        problem = None
        if label is not None:
            self._used.add(label)
            try:
                text = text_of(file_systems.read_bytes(label))
                boxes = boxes_in(text, name, self.data, self.masks)
            except (UnicodeDecodeError, OSError) as error:
                detail = f"{posixpath.basename(label)}: {error}"
                problem = Finding(name, None, "DATA013", "quarantined", detail)
        source = None if lost_by else FileSource(image)
        annotation = label or lost_by
        return ImageRecord(self.split, name, source, annotation, boxes, problem=problem, shares=True)

    def _orphans(self) -> list[ImageRecord]:
        """Labels whose image isn't there."""
        records = []
        for file in sorted({text for folder in self._whole for text in self._texts_in(folder)}):
            if file in self._used or NO_LABELS.fullmatch(stem(file)):
                continue
            text = read_text(file)
            if LABEL_FOLDER in file.lower().split("/")[:-1] or reads_as_label(text):
                name = self._name(file)
                boxes = boxes_in(text, name, self.data)
                records.append(ImageRecord(self.split, name, None, file, boxes, shares=True))
        return records

    def _texts_in(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            tree = Tree.at(folder)
            texts = (tree.path(text) for text in tree.with_suffix(".txt") if "/" not in text)
            self._listed[folder] = frozenset(texts)
        return self._listed[folder]

    def _name(self, file: str) -> str:
        return file.removeprefix(self.root + "/")
