"""Quick checks of a data set before any node runs: what would fail later, said now."""

from __future__ import annotations

from pathlib import Path

from components.example_gen.labels import class_of, unknown_label
from components.example_gen.read import Data, read_dataset, resolve
from components.example_gen.records import BoxRecord, ImageRecord
from components.example_gen.remarks import SetAside
from detection.config.label_map import LabelMap, read_label_map
from detection.errors import BadInput


def validate_data(data: Data, label_map: Path | str | None = None) -> list[ImageRecord]:
    """Reads the label map and the annotations, but opens no image.

    Args:
      label_map: in place of the one that `data` names.

    Returns:
      The records of the data set.

    Raises:
      BadInput: no data set, an empty one, no annotation, no image, an empty label map, or not one label of
        the data set in it.
    """
    options = resolve(data)
    map_path = str(label_map or options.label_map)
    classes = read_label_map(Path(map_path))
    records = read_dataset(options)
    if not any(record.source for record in records):
        raise BadInput("no annotation has its image", options.place("train"), "put the images beside them")
    boxes = [box for record in records for box in record.boxes]
    if not boxes:
        fix = "annotate the images, or name the file that annotates them (CSV, COCO JSON, data.yaml)"
        raise BadInput("not one box is annotated", options.place("train"), fix)
    if not any(_is_known(box, classes, options.fix_case) for box in boxes):
        labels = sorted({box.label or f"id {box.label_id}" for box in boxes})
        raise BadInput(
            f"not one label of the data is in the label map: {unknown_label(labels[0], classes)}",
            map_path,
            f"give the label map the names of the data: {', '.join(labels[:10])}",
        )
    return records


def _is_known(box: BoxRecord, classes: LabelMap, fix_case: bool) -> bool:
    try:
        class_of(box, classes, fix_case, [])
    except SetAside:
        return False
    return box.problem is None
