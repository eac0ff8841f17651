"""Which class of the label map an annotated label means."""

from __future__ import annotations

import difflib
from functools import lru_cache

from components.example_gen.records import BoxRecord
from components.example_gen.remarks import Remark, SetAside
from detection.config.label_map import LabelMap, LabelMapItem


def class_of(box: BoxRecord, label_map: LabelMap, fix_case: bool, remarks: list[Remark]) -> int:
    """The id of the box's class; the name counts, as in the OD API, and the id only where there is no name.

    Args:
      fix_case: whether a label that differs from one name of the map only by case is taken for it.
      remarks: gets what is odd about the label.

    Raises:
      SetAside: the label map has no such class.
    """
    if not box.label:
        return _class_of_id(box.label_id, label_map)
    found = label_map.id_of(box.label)
    if found is not None:
        if box.label_id not in (None, found):
            detail = f"'{box.label}' has id {found} in the label map, {box.label_id} here; the name counts"
            remarks.append(Remark("DATA031", "kept", detail))
        return found
    alike = _alike(box.label, label_map)
    if not alike:
        raise SetAside("DATA010", unknown_label(box.label, label_map))
    if len(alike) > 1 or not fix_case:
        raise SetAside("DATA026", _nearly(box.label, alike))
    remarks.append(Remark("DATA026", "corrected", f"'{box.label}' to '{alike[0].name}'"))
    return alike[0].id


# A data set has few labels, and each unknown one in many boxes.
@lru_cache(maxsize=1024)
def unknown_label(label: str, label_map: LabelMap) -> str:
    """Says that a label isn't in the map, and the nearest one that is."""
    lower = {name.lower(): name for name in label_map.names}
    near = difflib.get_close_matches(label.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean '{lower[near[0]]}'?" if near else f"it has {', '.join(label_map.names)}"
    return f"'{label}' isn't in the label map: {hint}"


@lru_cache(maxsize=1024)
def _alike(label: str, label_map: LabelMap) -> tuple[LabelMapItem, ...]:
    return label_map.alike(label)


def _nearly(label: str, alike: tuple[LabelMapItem, ...]) -> str:
    meant = " and ".join(f"'{item.name}'" for item in alike)
    advice = "is; data.fix_case takes it for that" if len(alike) == 1 else "are"
    return f"'{label}' isn't in the label map, {meant} {advice}"


def _class_of_id(label_id: int | None, label_map: LabelMap) -> int:
    if label_id is None:
        raise SetAside("DATA010", "the object has no label")
    ids = sorted(item.id for item in label_map.items)
    if label_id in ids:
        return label_id
    hint = "; ids of a label map start at 1" if label_id == 0 else ""
    raise SetAside("DATA020", f"id {label_id}, the label map has {_ranges(ids)}{hint}")


def _ranges(ids: list[int]) -> str:
    """[1, 2, 3, 7] as "1-3, 7"."""
    parts: list[list[int]] = []
    for value in ids:
        if parts and value == parts[-1][1] + 1:
            parts[-1][1] = value
        else:
            parts.append([value, value])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)
