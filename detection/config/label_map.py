"""Label maps: which class name stands for which id. Ids start at 1; 0 is the background."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import text_format

from detection.config import protos
from detection.config.text_fault import Reason, TextFault, fault_at
from detection.config.text_files import read_text
from detection.config.text_proto import parse_text
from detection.config.text_tokens import Places
from detection.config.text_tree import parse_tree

KIND = "label map"


class LabelMapItem(NamedTuple):
    """One class. `name` is what data says, `display_name` what people read (often the same)."""

    id: int
    name: str
    display_name: str


@dataclass(frozen=True)
class LabelMap:
    """The classes of a detector, ordered by id, ids and names unique."""

    items: tuple[LabelMapItem, ...]

    @property
    def num_classes(self) -> int:
        """The highest id: the columns that a class head needs, less the background (gaps count)."""
        return max(item.id for item in self.items)

    @property
    def names(self) -> list[str]:
        """The class names, in order of their ids."""
        return [item.name for item in self.items]

    def id_of(self, name: str) -> int | None:
        """The id of the class whose name (or else display name) is `name`."""
        return self._ids.get(name)

    def id_of_class(self, other: LabelMapItem) -> int | None:
        """The id of another map's class here; zoo models name classes '/m/01g317' and display 'person'."""
        by_name = self.id_of(other.name)
        return by_name if by_name is not None else self.id_of(other.display_name)

    def alike(self, name: str) -> tuple[LabelMapItem, ...]:
        """The classes whose names differ from `name` by nothing that the eye sees, or by case alone."""
        return tuple(item for item in self.items if _folded(item.name) == _folded(name))

    def name_of(self, class_id: int) -> str:
        """The name of a class id; an id in a gap of the map (a model may predict it) gives "class_<id>"."""
        name = self._names.get(class_id)
        return f"class_{class_id}" if name is None else name

    # Both are asked for once a box.
    @cached_property
    def _ids(self) -> dict[str, int]:
        shown = {item.display_name: item.id for item in reversed(self.items)}
        return shown | {item.name: item.id for item in reversed(self.items)}

    @cached_property
    def _names(self) -> dict[int, str]:
        return {item.id: item.name for item in reversed(self.items)}


def parse_label_map(text: str, source: str) -> LabelMap:
    """The label map in `text` (a StringIntLabelMap proto).

    A `background` item of id 0 is left out; as in the OD API, no other item may have id 0. Raises TextFault,
    naming `source:line:column`, for text that doesn't parse, no items, and missing, repeated or impossible
    ids and names.
    """
    message = parse_text(text, protos.StringIntLabelMap(), source, KIND)
    items: list[LabelMapItem] = []
    for number, item in enumerate(message.item):
        reason, field = _refusal(item, items)
        if reason is not None:
            raise _fault(reason, field, number, text, source)
        if item.id > 0:  # the background is no class
            name = item.name or item.display_name
            items.append(LabelMapItem(item.id, name, item.display_name or name))
    if not items:
        raise TextFault(
            "MAP006", f"{KIND} has no classes", source, "add item { id: 1 name: '...' } for each class"
        )
    return LabelMap(tuple(sorted(items)))


def _refusal(item: Any, before: list[LabelMapItem]) -> tuple[Reason | None, str]:
    """Why an item can't follow those `before`, and which of its fields says so."""
    name = item.name or item.display_name
    if not name:
        return Reason("MAP003", f"item of id {item.id} without a name", "add name: '...'"), ""
    if not item.HasField("id"):
        return Reason("MAP002", f"{name!r} has no id", "add id: N; ids start at 1"), ""
    if item.id == 0 and name == "background":
        return None, ""
    if item.id < 1:
        what = f"{name!r} has the id {item.id}: label map ids start at 1 (0 is the background)"
        return Reason("MAP001", what, "number the items from 1, here and in the data"), "id"
    for other in before:
        if other.id == item.id:
            return Reason(
                "MAP004", f"id {item.id} of {name!r} is given to {other.name!r} too", "use each id once"
            ), "id"
        if other.name == name:
            return Reason(
                "MAP005", f"{name!r} is given twice", "use each name once"
            ), "name" if item.name else "display_name"
    return None, ""


def read_label_map(path: Path) -> LabelMap:
    """The label map in the file; TextFault if it can't be read or parsed."""
    return parse_label_map(read_text(path, KIND), str(path))


def format_label_map(label_map: LabelMap) -> str:
    """The label map as text that `parse_label_map` reads back to an equal one."""
    message = protos.StringIntLabelMap()
    for item in label_map.items:
        entry = message.item.add(id=item.id, name=item.name)
        if item.display_name != item.name:
            entry.display_name = item.display_name
    return text_format.MessageToString(message)


def _fault(reason: Reason, field: str, number: int, text: str, source: str) -> TextFault:
    """The fault at the field of the item of that number, from 0; at the item if it hasn't the field."""
    items = [(entry, value) for entry in parse_tree(text) if entry.name == "item" for value in entry.values]
    item, block = items[number]
    start = next((entry.start for entry in block.entries or () if entry.name == field), item.start)
    return fault_at(reason, start, Places(text), source, KIND)


def _folded(name: str) -> str:
    """Less what the eye takes for the same: case, the two Unicode forms of an accent, spaces around."""
    return unicodedata.normalize("NFKC", name).strip().casefold()
