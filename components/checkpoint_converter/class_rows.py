"""Decides which class of a checkpoint each class of the model starts from: by name, never by likeness."""

from __future__ import annotations

import difflib
import re
import unicodedata

from components.checkpoint_converter.report import ClassHead, ClassRow
from detection.config.label_map import LabelMap, LabelMapItem
from detection.errors import BadInput

_LIKENESS = 0.8  # of difflib; below it, suggestions are noise


def match_classes(old: LabelMap | None, new: LabelMap | None, before: int, after: int) -> ClassHead:
    """Pair the model's classes with the checkpoint's.

    Args:
      old: the checkpoint's label map, if it is known.
      new: the model's label map, if it is known.
      before: number of classes of the checkpoint's class head.
      after: number of classes of the model's.

    With both label maps a class is carried over by name or display name, exactly; not by a display name that
    several of the checkpoint's classes have, since nothing says which one is meant. An id that neither map
    names keeps its row, so that a map with gaps stays as it was. Without the old map nothing is known of the
    classes; then they are taken for the same if their number is, as the Object Detection API does.

    BadInput if a label map has ids that its class head lacks, or `old` comes without `new`.
    """
    if old is not None and new is None:
        raise BadInput(
            "the checkpoint's label map is given, but not the model's",
            "the label maps",
            "give the label map of the classes to learn too",
        )
    if new is not None:
        _require_fit(new, after, "the model")
    if old is None or new is None:
        return _without_names(new, before, after)
    _require_fit(old, before, "the checkpoint")
    sources = {item.id: _source(item, old) for item in new.items}
    unused = [item for item in old.items if item.id not in sources.values()]
    rows = []
    for class_id in range(1, after + 1):
        item = next((item for item in new.items if item.id == class_id), None)
        if item is not None:
            source = sources[class_id]
            suggestion = _suggestion(item, unused) if source is None else None
            rows.append(ClassRow(id=class_id, name=item.name, source_id=source, suggestion=suggestion))
        elif class_id <= before and all(item.id != class_id for item in old.items):
            rows.append(ClassRow(id=class_id, name=new.name_of(class_id), source_id=class_id))
        else:
            rows.append(ClassRow(id=class_id, name=new.name_of(class_id), source_id=None))
    left = [item.name for item in unused]
    return ClassHead(how="name", classes_before=before, classes_after=after, rows=rows, left_behind=left)


def _source(item: LabelMapItem, old: LabelMap) -> int | None:
    """The id of a class in the checkpoint's label map; None if it has none, or more than one."""
    for wanted in (item.name, item.display_name):
        named = [other.id for other in old.items if other.name == wanted]
        shown = [other.id for other in old.items if other.display_name == wanted]
        if found := named or shown:
            return found[0] if len(found) == 1 else None
    return None


def no_classes(new: LabelMap | None, after: int) -> ClassHead:
    """For a checkpoint without a class head: every class of the model starts fresh."""
    rows = _numbered_rows(new, after, carried=False)
    return ClassHead(how="none", classes_before=after, classes_after=after, rows=rows, left_behind=[])


def _without_names(new: LabelMap | None, before: int, after: int) -> ClassHead:
    same = before == after
    rows = _numbered_rows(new, after, carried=same)
    left = [] if same else [f"class_{class_id}" for class_id in range(1, before + 1)]
    return ClassHead(
        how="id" if same else "fresh",
        classes_before=before,
        classes_after=after,
        rows=rows,
        left_behind=left,
    )


def _numbered_rows(new: LabelMap | None, after: int, carried: bool) -> list[ClassRow]:
    """A row for each id of the model, from the same id of the checkpoint if `carried`."""
    return [
        ClassRow(
            id=class_id,
            name=new.name_of(class_id) if new else f"class_{class_id}",
            source_id=class_id if carried else None,
        )
        for class_id in range(1, after + 1)
    ]


def _require_fit(labels: LabelMap, classes: int, whose: str) -> None:
    if labels.num_classes > classes:
        raise BadInput(
            f"the label map has the id {labels.num_classes}, but {whose} has {classes} classes",
            f"the label map of {whose}",
            f"give the label map that belongs to {whose}",
        )


def _suggestion(item: LabelMapItem, unused: list[LabelMapItem]) -> str | None:
    """The unused class of the checkpoint whose name looks most like the item's."""
    names = {_plain(name): old.name for old in reversed(unused) for name in (old.display_name, old.name)}
    for wanted in (_plain(item.name), _plain(item.display_name)):
        near = difflib.get_close_matches(wanted, names, n=1, cutoff=_LIKENESS)
        if near:
            return names[near[0]]
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", unicodedata.normalize("NFKC", name)).strip().casefold()
