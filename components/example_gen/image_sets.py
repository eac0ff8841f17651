"""Reads the lists below ImageSets/ of Pascal VOC, which name pictures in one way or another."""

from __future__ import annotations

import posixpath

from components.example_gen import file_systems
from components.example_gen.fields import text_of
from components.example_gen.named_files import as_path, find_named
from components.example_gen.records import ImageRecord
from components.example_gen.tree import Tree, is_image, plain, stem
from components.example_gen.voc import layout_key, read_voc

IMAGE_SETS = "imagesets"


def read_image_set(listed: str, split: str) -> list[ImageRecord]:
    """The records that a file below ImageSets/ names, one in a line.

    VOC's files for one class add a number; -1 means that the picture lacks the class, and it is read all the
    same. Where there is a picture "a 1", its name isn't taken for that of "a". A name that has neither
    picture nor XML is a record too.
    """
    text = text_of(file_systems.read_bytes(listed), "replace")
    lines = list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))
    tree = Tree.at(image_set_home(listed))
    ends = {
        plain(posixpath.basename(_key_of(name))) for line in lines for name in (line, _without_number(line))
    }
    chosen = [file for file in tree.files if plain(stem(file)) in ends]
    by_key: dict[str, list[ImageRecord]] = {}
    for record in read_voc(Tree(tree.root, tuple(chosen)), split):
        files = (record.name, (record.annotation or record.name).removeprefix(tree.prefix))
        for key in dict.fromkeys(map(layout_key, files)):
            by_key.setdefault(key, []).append(record)
    names = [line if _key_of(line) in by_key else _without_number(line) for line in lines]
    meant = find_named(map(_key_of, names), by_key)
    found: dict[str, ImageRecord] = {}
    for name in names:
        records = by_key.get(meant.get(_key_of(name), ""), [ImageRecord(split, name, None, listed)])
        record = min(records, key=lambda record: _preference(record, name))
        found[record.name] = record
    return [found[name] for name in sorted(found)]


def _preference(record: ImageRecord, name: str) -> tuple[bool, bool, bool]:
    """Less for the better of two pictures of one name: a.jpg and a.png."""
    other = posixpath.basename(record.name) != posixpath.basename(as_path(name))
    return other, record.source is None, record.annotation is None


def _key_of(name: str) -> str:
    """The layout_key of what a list names: with a suffix or without, in which case a dot is the name's."""
    path = as_path(name)
    known = is_image(path) or path.lower().endswith(".xml")
    return layout_key(path if known else path + ".xml")


def is_image_set(file: str) -> bool:
    """Whether a file is a list below ImageSets/."""
    return file.lower().endswith(".txt") and IMAGE_SETS in file.lower().split("/")


def image_set_home(listed: str) -> str:
    """The folder that a list below ImageSets/ speaks of: the one that holds ImageSets/."""
    parts = listed.split("/")
    at = len(parts) - 1 - [part.lower() for part in reversed(parts)].index(IMAGE_SETS)
    return "/".join(parts[:at]) or "."


def _without_number(line: str) -> str:
    """The name in a line of a list for one class."""
    head, _, last = line.rpartition(" ")
    return head.strip() if head and last in ("-1", "0", "1") else line
