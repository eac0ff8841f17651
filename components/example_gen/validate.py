"""Quick checks of a data set before any node runs: what would fail later, said now."""

from __future__ import annotations

from pathlib import Path

from components.example_gen.check import unknown_label
from components.example_gen.read import Data, read_dataset
from components.example_gen.records import as_options
from detection.config.label_map import read_label_map
from detection.errors import BadInput


def validate_data(data: Data, label_map: Path | str | None = None) -> None:
    """Reads the label map and the annotations, but opens no image.

    Args:
      label_map: in place of the one that `data` names.

    Raises:
      BadInput: no data set, an empty one, no annotation, no image, an empty label map, or not one label of
        the data set in it.
    """
    options = as_options(data)
    classes = read_label_map(Path(label_map) if label_map else options.label_map)
    records = read_dataset(options)
    if not any(record.image for record in records):
        raise BadInput("no annotation has its image", str(options.train), "put the images beside them")
    labels = sorted({box.label for record in records for box in record.boxes})
    if not labels:
        raise BadInput("not one box is annotated", str(options.train), "annotate the images, or name the CSV")
    if all(classes.id_of(label) is None for label in labels):
        raise BadInput(
            f"not one label of the data is in the label map: {unknown_label(labels[0], classes)}",
            str(label_map or options.label_map),
            f"give the label map the names of the data: {', '.join(labels[:10])}",
        )
