"""Maps a model's class ids to the data's by name: label maps change, and ids move."""

from __future__ import annotations

from dataclasses import dataclass

from detection.config.label_map import LabelMap


@dataclass(frozen=True)
class ClassMapping:
    """`to_data`: model class id -> data class id. `notes` say, for people, what does not correspond."""

    to_data: dict[int, int]
    notes: list[str]


def map_classes(data: LabelMap, model: LabelMap | None, model_num_classes: int | None = None) -> ClassMapping:
    """Map ids by class name, or else by display name.

    Args:
      data: the label map of the evaluation set.
      model: the model's own label map, or None if it came without one.
      model_num_classes: the number of classes of a model without a label map.

    A class of the data that the model doesn't know is never detected by it, so it scores 0. Without a label
    map, ids are taken as equal if the number of classes is; otherwise nothing can be mapped.
    """
    if model is None:
        return _without_label_map(data, model_num_classes)
    found = {item: data.id_of_class(item) for item in model.items}
    to_data = {item.id: data_id for item, data_id in found.items() if data_id is not None}
    unknown = [item.display_name for item in data.items if item.id not in to_data.values()]
    absent = [item.display_name for item, data_id in found.items() if data_id is None]
    notes = []
    if unknown:
        notes.append(f"It does not know {_list(unknown)}; that scores 0.")
    if absent:
        notes.append(
            f"It also knows {_list(absent)}, which the evaluation set's label map lacks: not measured."
        )
    notes += [
        f"Its {item.name} and the data's {like.name} differ by case or spaces alone, and so are two classes. "
        "If they are meant to be one, give it one name in both label maps."
        for item, data_id in found.items()
        if data_id is None
        for like in data.alike(item.name)
    ]
    return ClassMapping(to_data, notes)


def _without_label_map(data: LabelMap, num_classes: int | None) -> ClassMapping:
    if num_classes == data.num_classes:
        note = f"It came without a label map; its {num_classes} class ids are taken as those of the data."
        return ClassMapping({class_id: class_id for class_id in (item.id for item in data.items)}, [note])
    count = "an unknown number of" if num_classes is None else str(num_classes)
    note = (
        f"It came without a label map and has {count} classes where the data has {data.num_classes}, "
        "so none of its detections can be named and every class scores 0. "
        "Set model.label_map in the detector's YAML to compare by name."
    )
    return ClassMapping({}, [note])


def _list(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
