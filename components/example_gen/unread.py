"""Names the pictures that lie with a data set and that no split reads, so that none is lost in silence."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from components.example_gen import file_systems
from components.example_gen.detect import is_pattern
from components.example_gen.image_sets import is_image_set
from components.example_gen.listed_images import LIST_FOLDERS
from components.example_gen.records import DataOptions, Finding, ImageRecord
from components.example_gen.sources import FileSource
from components.example_gen.stated_splits import NAMES, splits_in
from components.example_gen.tree import Tree, is_image
from components.example_gen.yolo_yaml import YAML_SUFFIXES, read_yaml


def unread_pictures(options: DataOptions, records: Iterable[ImageRecord]) -> list[Finding]:
    """Notes of pictures that lists of images leave out (DATA035), and of folders named as a split (DATA037).

    Args:
      options: resolved.
      records: all of the data set. TFRecords hold their pictures themselves, and leave none out.
    """
    read = {record.source.path for record in records if isinstance(record.source, FileSource)}
    folders = {posixpath.dirname(path) for path in read}
    given = {path for split in ("train", "eval", "test") for path in options.given(split)}
    return [*_left_out_by_lists(given, read, folders), *_unread_splits(given, folders)]


def _left_out_by_lists(given: set[str], read: set[str], folders: set[str]) -> Iterable[Finding]:
    """Pictures right beside those that are read, where lists say which are."""
    lists = [path for path in given if _is_list(path)]
    if not lists:
        return
    left = sorted(
        path
        for folder in folders
        for name in file_systems.children(folder)
        if is_image(name) and (path := posixpath.join(folder, name)) not in read
    )
    if left:
        some = ", ".join(map(posixpath.basename, left[:3])) + (", ..." if len(left) > 3 else "")
        names = ", ".join(sorted({posixpath.basename(path) for path in lists}))
        detail = f"{len(left)} beside those that are named aren't read: {some}"
        yield Finding(names, None, "DATA035", "ignored", detail)


def _is_list(path: str) -> bool:
    """Whether a path names pictures one by one: a list of ImageSets/ or of YOLO, or what names one."""
    if path.lower().endswith(YAML_SUFFIXES):
        return any(_is_list(place) for places in read_yaml(path).places.values() for place in places)
    return is_image_set(path) or (path.lower().endswith(".txt") and file_systems.is_file(path))


def _unread_splits(given: set[str], folders: set[str]) -> Iterable[Finding]:
    """Folders with pictures that are named as one that is read, but for the split: test2017, train2017."""
    within = {_within(path) for path in given if not is_pattern(path)}
    for home, rest in sorted({place for folder in folders if (place := _place_of_split(folder))}):
        if not any(_is_below(home, folder) for folder in within):
            continue
        for name in _folders_of_splits(home, rest):
            folder = posixpath.join(home, name)
            if any(_is_below(path, folder) for path in folders):
                continue
            if pictures := Tree.at(folder).images:
                detail = (
                    f"{len(pictures)} pictures aren't read; name it under data.train, data.eval or data.test"
                )
                yield Finding(name, None, "DATA037", "ignored", detail)


def _within(path: str) -> str:
    """The folder that a path of the options speaks of: what holds the split, where it names one."""
    if file_systems.is_file(path):
        above, name = posixpath.split(posixpath.dirname(path))
        return above if name.lower() in LIST_FOLDERS else posixpath.join(above, name)
    place = _place_of_split(path.rstrip("/"))
    return place[0] if place else path.rstrip("/")


def _is_below(path: str, folder: str) -> bool:
    return not folder or path == folder or path.startswith(folder + "/")


def _place_of_split(folder: str) -> tuple[str, str] | None:
    """For a folder whose last name, or the one before, says a split: what holds that, and its name's rest.

    a/train2017/images -> ("a", "2017")
    """
    above, name = posixpath.split(folder)
    if not splits_in(name):
        above, name = posixpath.split(above)
    return (above, _without_split(name)) if splits_in(name) else None


def _without_split(name: str) -> str:
    return re.sub("[a-z]+", lambda word: "" if splits_in(word[0]) else word[0], name.lower())


def _folders_of_splits(home: str, rest: str) -> list[str]:
    """The names right below a folder that say a split; of a bucket, whose listing is long, the usual ones."""
    if file_systems.is_remote(home):
        return [word + rest for word in sorted(frozenset.union(*NAMES.values()))]
    names = file_systems.children(home)
    return [name for name in names if splits_in(name) and _without_split(name) == rest]
