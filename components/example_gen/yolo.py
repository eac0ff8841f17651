"""Reads YOLO: a text file for each image, a line for each object: class, centre, width and height."""

from __future__ import annotations

import itertools
import posixpath
import re

from components.example_gen import file_systems
from components.example_gen.records import BoxRecord, Finding, ImageRecord, with_notes
from components.example_gen.sources import FileSource
from components.example_gen.tree import Tree, stem
from components.example_gen.yolo_lines import boxes_in
from components.example_gen.yolo_yaml import YoloSet, find_yaml, names_for, read_yaml
from detection.errors import BadInput

# Text files beside images that are no labels.
NO_LABELS = re.compile(r"classes|names|train|val|valid|test|notes|readme.*|licen[cs]e|.*_darknet|obj", re.I)
LABEL_FOLDER = "labels"
LOOK_AT = 200  # labels, to see whether a folder is YOLO's
_LINE = re.compile(r"\s*\d+(\s+-?[\d.]+){4,}\s*($|\n)")
_IMAGES = re.compile(r"(.*/|^)images(?=/|$)", re.I)


def read_yolo(path: str, split: str) -> list[ImageRecord]:
    """The records of a data.yaml, a folder, or a text file that lists images; sorted by name.

    Of a data.yaml, `split` picks what it says. With split "" it's what is to be divided: its train images,
    or all that it has where these aren't there. A split that it names but that isn't there is noted.

    Raises BadInput for a data.yaml without the split asked for, and where the classes have no names.
    """
    if path.lower().endswith((".yaml", ".yml")):
        return _read_set(read_yaml(path), split)
    if path.lower().endswith(".txt"):
        data = _named(posixpath.dirname(path) or ".")
        return _Reader(data, split, posixpath.dirname(path) or ".").read([path])
    tree = Tree.at(path)
    inside = find_yaml(tree)
    if inside and read_yaml(inside).places:
        return _read_set(read_yaml(inside), split)
    return _Reader(_named(path), split, path).read([path])


def _named(folder: str) -> YoloSet:
    data = names_for(folder)
    if data is None:
        fix = "put its data.yaml (or classes.txt) into this folder or the one above"
        raise BadInput("the names of the YOLO classes aren't found", folder, fix)
    return data


def _read_set(data: YoloSet, split: str) -> list[ImageRecord]:
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
    records = _Reader(data, split, posixpath.dirname(data.file) or ".").read(places)
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

    def __init__(self, data: YoloSet, split: str, root: str) -> None:
        self.data, self.split, self.root = data, split, root.rstrip("/")
        self._listed: dict[str, frozenset[str]] = {}  # folder -> its text files
        self._whole: set[str] = set()  # folders of labels that belong to images read here, all of them
        self._used: set[str] = set()

    def read(self, places: list[str]) -> list[ImageRecord]:
        records = []
        for place in places:
            if place.lower().endswith(".txt"):
                records += self._read_list(place)
            else:
                tree = Tree.at(place)
                records += [self._record(tree.path(image), None) for image in tree.images]
                for folder in tree.folders:
                    files = _label_files(tree.path(f"{folder}/x.jpg" if folder else "x.jpg"))
                    self._whole.update(posixpath.dirname(file) for file in files)
        records = sorted([*records, *self._orphans()], key=lambda record: record.name)
        file = posixpath.basename(self.data.file)
        return with_notes(
            records,
            (
                Finding(file, f"class {index}", "DATA021", "ignored", f"its name is only '{name}'")
                for index, name in self.data.names.items()
                if name.isdigit() or not name
            ),
        )

    def _read_list(self, file: str) -> list[ImageRecord]:
        text = _text(file)
        folder = posixpath.dirname(file) or "."
        records = []
        for line in dict.fromkeys(filter(None, map(str.strip, text.splitlines()))):
            places = [file_systems.join(base, line) for base in (folder, self.root)]
            found = next((place for place in places if file_systems.is_file(place)), None)
            records.append(self._record(found or places[0], None if found else file))
        return records

    def _record(self, image: str, lost_by: str | None) -> ImageRecord:
        """One image; `lost_by` is the list that names it where it isn't there."""
        name = self._name(image)
        label = self._label_of(image)
        boxes: tuple[BoxRecord, ...] = ()
        problem = None
        if label is not None:
            self._used.add(label)
            try:
                text = file_systems.read_bytes(label).decode("utf-8-sig")
                boxes = boxes_in(text, name, self.data)
            except (UnicodeDecodeError, OSError) as error:
                detail = f"{posixpath.basename(label)}: {error}"
                problem = Finding(name, None, "DATA013", "quarantined", detail)
        source = None if lost_by else FileSource(image)
        annotation = label or lost_by
        return ImageRecord(self.split, name, source, annotation, boxes, problem=problem, shares=True)

    def _orphans(self) -> list[ImageRecord]:
        """Labels whose image isn't there."""
        records = []
        for file in sorted(text for folder in self._whole for text in self._texts_in(folder)):
            if file in self._used or NO_LABELS.fullmatch(stem(file)):
                continue
            text = _text(file)
            if LABEL_FOLDER in file.lower().split("/")[:-1] or _LINE.match(text):
                name = self._name(file)
                boxes = boxes_in(text, name, self.data)
                records.append(ImageRecord(self.split, name, None, file, boxes, shares=True))
        return records

    def _label_of(self, image: str) -> str | None:
        files = _label_files(image)
        return next((file for file in files if file in self._texts_in(posixpath.dirname(file))), None)

    def _texts_in(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            tree = Tree.at(folder)
            texts = (tree.path(text) for text in tree.with_suffix(".txt") if "/" not in text)
            self._listed[folder] = frozenset(texts)
        return self._listed[folder]

    def _name(self, file: str) -> str:
        return file.removeprefix(self.root + "/")


def _label_files(image: str) -> tuple[str, str]:
    """Where an image's label can be: in the folder that answers to images/, or beside it."""
    beside = posixpath.splitext(image)[0] + ".txt"
    return _IMAGES.sub(rf"\1{LABEL_FOLDER}", beside), beside


def has_labels(tree: Tree) -> bool:
    """Whether one of the first images of a folder has a text file that reads as YOLO's."""
    sibling = _IMAGES.sub(rf"\1{LABEL_FOLDER}", tree.root)
    beside = Tree.at(sibling) if tree.images and sibling != tree.root else Tree(sibling, ())
    texts = {t.path(file) for t in (tree, beside) for file in t.with_suffix(".txt")}
    labels = (file for image in tree.images for file in _label_files(tree.path(image)) if file in texts)
    return any(_LINE.match(_text(file)) for file in itertools.islice(labels, LOOK_AT))


def _text(file: str) -> str:
    return file_systems.read_bytes(file).decode("utf-8-sig", "replace")
