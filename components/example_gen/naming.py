"""Gives each record of a split a name of its own, and finds images that are listed twice."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence, Set
from dataclasses import replace

from components.example_gen.records import BoxRecord, Finding, ImageRecord
from components.example_gen.sources import ImageSource


def with_unique_names(parts: Sequence[tuple[str, list[ImageRecord]]]) -> list[ImageRecord]:
    """The records of a split that was read from several paths, in their order.

    Several folders put what tells them apart before their images' names. What still has another image's name
    gets a number that makes it one of its own, and a note. An image that comes a second time, the same file,
    is set aside.

    Args:
      parts: each path with its records.
    """
    prefixes = _prefixes([path for path, _ in parts])
    names: dict[str, int] = {}
    given = {
        prefix + record.name
        for prefix, (_, records) in zip(prefixes, parts, strict=True)
        for record in records
    }
    sources: dict[ImageSource, str] = {}
    result = []
    for prefix, (_, records) in zip(prefixes, parts, strict=True):
        for record in records:
            record = renamed(record, prefix + record.name) if prefix else record
            names[record.name] = names.get(record.name, 0) + 1
            if record.source is not None and record.source in sources and record.problem is None:
                detail = f"it is listed before, as {sources[record.source]}"
                problem = Finding(record.name, None, "DATA023", "quarantined", detail)
                record = record._replace(problem=problem)
            elif names[record.name] > 1:
                record = _numbered(record, names, given)
            if record.source is not None:
                sources.setdefault(record.source, record.name)
            result.append(record)
    return result


def renamed(record: ImageRecord, name: str) -> ImageRecord:
    """The record under another name, in its findings too."""

    def moved(finding: Finding | None) -> Finding | None:
        return replace(finding, file=name) if finding and finding.file == record.name else finding

    def moved_box(box: BoxRecord) -> BoxRecord:
        return box._replace(problem=moved(box.problem)) if box.problem else box

    return record._replace(
        name=name,
        problem=moved(record.problem),
        notes=tuple(moved(note) or note for note in record.notes),
        boxes=tuple(map(moved_box, record.boxes)),
    )


def _numbered(record: ImageRecord, names: dict[str, int], given: Set[str]) -> ImageRecord:
    """The record with the next number that makes a name nobody has; `names` counts those of each name."""
    root, suffix = posixpath.splitext(record.name)
    while (name := f"{root} ({names[record.name]}){suffix}") in given:
        names[record.name] += 1
    number = names[record.name]
    detail = f"another image has the name {record.name} too; this one is number {number}"
    note = Finding(name, None, "DATA023", "kept", detail)
    record = renamed(record, name)
    return record if record.problem else record._replace(notes=(*record.notes, note))


def _prefixes(paths: list[str]) -> list[str]:
    """What tells several folders apart, with a slash; nothing for a single one."""
    parts = [path.rstrip("/").split("/") for path in paths]
    parts = [part[:-1] if posixpath.splitext(part[-1])[1] else part for part in parts]  # a file: its folder
    if len(parts) == 1:
        return [""]
    shared = len(posixpath.commonprefix(parts))
    return ["/".join(part[shared:]) + "/" if len(part) > shared else "" for part in parts]
