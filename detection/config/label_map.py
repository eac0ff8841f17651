"""Label maps: which class name stands for which id. Ids start at 1; 0 is the background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from google.protobuf import text_format

from detection.config import protos
from detection.config.text_files import read_text
from detection.config.text_proto import parse_text
from detection.errors import BadInput

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
        for item in self.items:
            if item.name == name:
                return item.id
        return next((item.id for item in self.items if item.display_name == name), None)

    def id_of_class(self, other: LabelMapItem) -> int | None:
        """The id of another map's class here; zoo models name classes '/m/01g317' and display 'person'."""
        by_name = self.id_of(other.name)
        return by_name if by_name is not None else self.id_of(other.display_name)

    def name_of(self, class_id: int) -> str:
        """The name of a class id; an id in a gap of the map (a model may predict it) gives "class_<id>"."""
        return next((item.name for item in self.items if item.id == class_id), f"class_{class_id}")


def parse_label_map(text: str, source: str) -> LabelMap:
    """The label map in `text` (a StringIntLabelMap proto).

    A `background` item of id 0 is left out; as in the OD API, no other item may have id 0. Raises BadInput,
    naming `source`, for text that doesn't parse, no items, and missing, repeated or impossible ids and names.
    """
    message = parse_text(text, protos.StringIntLabelMap(), source, KIND)
    items: list[LabelMapItem] = []
    for number, item in enumerate(message.item, start=1):
        name = item.name or item.display_name
        where = f"{source}, item {number} ({name!r}, id {item.id})"
        if not name:
            raise BadInput("label map item without a name", where, "add name: '...'")
        if not item.HasField("id"):
            raise BadInput("label map item without an id", where, "add id: N; ids start at 1")
        if item.id == 0 and name == "background":
            continue
        if item.id < 1:
            raise BadInput("label map ids start at 1 (0 is the background)", where, "number the items from 1")
        items.append(LabelMapItem(item.id, name, item.display_name or name))
        _refuse_twins(items, where)
    if not items:
        raise BadInput("label map has no classes", source, "add item { id: 1 name: '...' } for each class")
    return LabelMap(tuple(sorted(items)))


def read_label_map(path: Path) -> LabelMap:
    """The label map in the file; BadInput if it can't be read or parsed."""
    return parse_label_map(read_text(path, KIND), str(path))


def format_label_map(label_map: LabelMap) -> str:
    """The label map as text that `parse_label_map` reads back to an equal one."""
    message = protos.StringIntLabelMap()
    for item in label_map.items:
        entry = message.item.add(id=item.id, name=item.name)
        if item.display_name != item.name:
            entry.display_name = item.display_name
    return text_format.MessageToString(message)


def _refuse_twins(items: list[LabelMapItem], where: str) -> None:
    """Refuses the last item if an earlier one has its id or name."""
    last = items[-1]
    for item in items[:-1]:
        if item.id == last.id:
            raise BadInput(f"label map id {last.id} is given to {item.name!r} too", where, "use each id once")
        if item.name == last.name:
            raise BadInput(f"label map name {last.name!r} is given twice", where, "use each name once")
