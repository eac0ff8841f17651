"""Which file a list means by a name, where the name is another machine's, or starts in another folder."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import unquote

from components.example_gen.tree import plain

WEB = ("http", "https", "ftp", "file")  # addresses that nothing here reads; their last parts are names


def as_path(name: str) -> str:
    """A name as a list writes it, with forward slashes: of Windows, of the web, with `./` before it."""
    scheme, found, rest = name.partition("://")
    if found and scheme.lower() in WEB:
        name = unquote(re.split("[?#]", rest, maxsplit=1)[0])
    return posixpath.normpath(name.replace("\\", "/")) if name else ""


def find_named(names: Iterable[str], files: Iterable[str]) -> dict[str, str]:
    """Name -> file, for each name that means one file and no other.

    The same path counts first, then one that differs in case or in the form of accents. What is left means
    the file with the longest end in common: `/home/me/data/a/1.jpg` is `a/1.jpg`. A name is never another
    folder's file where its own folder is there, nor the file that another name means: boxes would come to a
    picture that they weren't drawn in.

    Args:
      names: as the list writes them.
      files: relative paths with forward slashes.
    """
    files = tuple(files)
    there = frozenset(files)
    found: dict[str, str] = {}
    left: dict[str, str] = {}  # name -> its path, plain
    for name in names:
        path = name if name in there else as_path(name)
        if path in there:
            found[name] = path
        elif path:
            left[name] = plain(path)
    if left:
        _add(found, left, _same(files))
        _add(found, left, _by_end(files, frozenset(found.values())))
    return found


def _add(found: dict[str, str], left: dict[str, str], find: Callable[[str], str | None]) -> None:
    """Moves to `found` what is left and now found, but not what two paths would have in common."""
    wanted: dict[str, set[str]] = defaultdict(set)
    guesses: dict[str, str] = {}
    for name, path in left.items():
        if (file := find(path)) is not None:
            guesses[name] = file
            wanted[file].add(path)
    for name, file in guesses.items():
        if len(wanted[file]) == 1:
            found[name] = file
            del left[name]


def _same(files: Iterable[str]) -> Callable[[str], str | None]:
    by_path = _grouped(files, plain)

    def find(path: str) -> str | None:
        same = by_path.get(path, [])
        return same[0] if len(same) == 1 else None

    return find


def _by_end(files: Iterable[str], taken: frozenset[str]) -> Callable[[str], str | None]:
    folders = {posixpath.basename(folder) for folder in {plain(posixpath.dirname(file)) for file in files}}
    by_name = _grouped(files, lambda file: plain(posixpath.basename(file)))

    def find(path: str) -> str | None:
        parts = path.split("/")
        candidates = {file: plain(file).split("/") for file in by_name.get(parts[-1], ())}
        if len(parts) > 1 and parts[-2] in folders:  # so it would be there
            candidates = {file: of_file for file, of_file in candidates.items() if of_file[-2:] == parts[-2:]}
        file = _longest(parts, candidates)
        return None if file in taken else file

    return find


def _longest(parts: list[str], candidates: Mapping[str, list[str]]) -> str | None:
    """The file with the most last parts in common; of several such, the one that has no more parts."""
    common = {file: _in_common(parts, of_file) for file, of_file in candidates.items()}
    most = max(common.values(), default=0)
    best = [file for file in candidates if common[file] == most]
    whole = [file for file in best if len(candidates[file]) == most]
    chosen = whole or best
    return chosen[0] if len(chosen) == 1 else None


def _in_common(one: list[str], two: list[str]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(two), strict=False):
        if a != b:
            break
        count += 1
    return count


def _grouped(files: Iterable[str], key_of: Callable[[str], str]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = defaultdict(list)
    for file in files:
        groups[key_of(file)].append(file)
    return groups
