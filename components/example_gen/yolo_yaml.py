"""Reads what a YOLO data set says of itself: the names of its classes and where its splits lie."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from typing import Any

import yaml

from components.example_gen import file_systems
from components.example_gen.fields import text_of
from components.example_gen.tree import Tree
from detection.errors import BadInput, first_line

# Our splits and the keys that mean them.
SPLIT_KEYS = {"train": ("train",), "eval": ("val", "valid", "validation"), "test": ("test",)}
YAML_SUFFIXES = (".yaml", ".yml")
USUAL_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
NAME_FILES = ("classes.txt", "obj.names", "names.txt", "_darknet.labels", "data.names")


@dataclass(frozen=True)
class YoloSet:
    """`names`: class index -> name. `places`: split -> folders or lists of images that are there.

    `absent`: split -> what the data.yaml says of it, where nothing is at any place that this could mean.
    """

    file: str
    names: dict[int, str]
    places: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    keypoints: bool = False


def find_yaml(tree: Tree) -> str | None:
    """The data.yaml right in a folder, whatever its name, as a whole path."""
    files = [file for file in tree.with_suffix(*YAML_SUFFIXES) if "/" not in file]
    files.sort(key=lambda file: (not file.startswith("data"), file))
    return next((tree.path(file) for file in files if _is_data_set(tree.path(file))), None)


def read_yaml(file: str) -> YoloSet:
    """Reads a data.yaml.

    Raises BadInput for what isn't YAML, and where no class is named.
    """
    data = _load(file)
    names = _names(data)
    if not names:
        fix = "add names: [...], one for each class"
        raise BadInput("the data.yaml names no class", file, fix)
    base = Tree.at(posixpath.dirname(file) or ".")
    root = str(data.get("path") or "")
    taken = {  # first what is written and there, then each split's places
        place
        for keys in SPLIT_KEYS.values()
        for key in keys
        for entry in (data[key] if isinstance(data.get(key), list) else [data.get(key)])
        if entry and (place := _as_written(base, root, str(entry)))
    }
    places: dict[str, list[str]] = {}
    absent: dict[str, str] = {}
    for split, keys in SPLIT_KEYS.items():
        stated = next((data[key] for key in keys if data.get(key)), None)
        entries = [str(entry) for entry in (stated if isinstance(stated, list) else [stated]) if entry]
        found = [_resolve(base, root, entry, taken) for entry in entries]
        there = [place for place in found if place is not None]
        taken |= set(there)
        if there:
            places[split] = there
        if len(there) < len(entries):
            absent[split] = ", ".join(e for e, place in zip(entries, found, strict=True) if place is None)
    return YoloSet(file, names, places, absent, keypoints=bool(data.get("kpt_shape")))


def names_for(folder: str) -> YoloSet | None:
    """The class names for a folder of images: data.yaml or a list of names in it, beside it, or above."""
    for climb in (".", "..", "../.."):
        tree = Tree.at(file_systems.join(folder, climb)) if climb == "." else None
        at = file_systems.join(folder, climb)
        found = find_yaml(tree) if tree else _yaml_at(at)
        if found:
            return read_yaml(found)
        for name in (*NAME_FILES, *(f"labels/{name}" for name in NAME_FILES)):
            file = file_systems.join(at, name)
            if file_systems.is_file(file):
                lines = text_of(file_systems.read_bytes(file), "replace").splitlines()
                return YoloSet(file, {i: line.strip() for i, line in enumerate(lines) if line.strip()})
    return None


def _yaml_at(folder: str) -> str | None:
    """As find_yaml, of the usual names only: a folder above may hold anything, and much of it."""
    files = (file_systems.join(folder, name) for name in USUAL_NAMES)
    return next((file for file in files if file_systems.is_file(file) and _is_data_set(file)), None)


def _is_data_set(file: str) -> bool:
    """Whether it is YAML that names classes. Raises BadInput if it has the name of one and can't be read."""
    try:
        data = _load(file)
    except BadInput:
        if posixpath.basename(file) in USUAL_NAMES:
            raise
        return False
    return "names" in data or "nc" in data


def _load(file: str) -> dict[str, Any]:
    try:
        loader = yaml.SafeLoader(file_systems.read_bytes(file))
        root = loader.get_single_node()
        data = loader.construct_document(root) if root is not None else None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2026-13-45 is no date
        mark = getattr(error, "problem_mark", None)
        place = f"{file}:{mark.line + 1}" if mark else file
        reason = getattr(error, "problem", None) or first_line(error)
        fix = "correct the YAML at this place, and save it as UTF-8"
        raise BadInput(f"the data.yaml can't be read: {reason}", place, fix) from error
    if not isinstance(data, dict):
        raise BadInput("the data.yaml has no keys", file, "write train:, val: and names: into it")
    if isinstance(root, yaml.MappingNode):
        _require_once(root, file)
    return data


def _require_once(mapping: yaml.MappingNode, file: str) -> None:
    """Raises BadInput for a key that is there twice, here or in `names`: of two, YAML keeps the last."""
    seen: set[str] = set()
    for key, value in mapping.value:
        if str(key.value) in seen:
            place = f"{file}:{key.start_mark.line + 1}"
            raise BadInput(f"the data.yaml has {key.value} twice", place, "keep the one that is meant")
        seen.add(str(key.value))
        if key.value == "names" and isinstance(value, yaml.MappingNode):
            _require_once(value, file)


def _names(data: dict[str, Any]) -> dict[int, str]:
    names = data.get("names")
    if isinstance(names, list):
        return {index: str(name) for index, name in enumerate(names)}
    if isinstance(names, dict):
        return {int(index): str(name) for index, name in names.items() if str(index).isdecimal()}
    return {}


def _as_written(base: Tree, root: str, entry: str) -> str | None:
    """The folder or list that an entry names, if it is there."""
    entry = entry.replace("\\", "/")
    for start in (file_systems.join(base.root, root), base.root):
        place = file_systems.join(start, entry)
        if file_systems.is_file(place) or Tree.at(place).images:
            return place
    return None


def _resolve(base: Tree, root: str, entry: str, taken: set[str]) -> str | None:
    """The folder or list that an entry means, tried as written, and then below the data.yaml itself.

    The paths in a data.yaml are often another machine's, or start one folder too high. What is another
    entry's place is never a guess for this one: a split would be another's images.
    """
    place = _as_written(base, root, entry)
    if place is not None:
        return place
    entry = entry.replace("\\", "/")
    parts = [part for part in posixpath.normpath(entry).split("/") if part not in ("", ".", "..")]
    for first in range(len(parts)):
        tail = "/".join(parts[first:])
        if base.path(tail) not in taken and (tail in base.file_set or base.below(tail).images):
            return base.path(tail)
    return None
